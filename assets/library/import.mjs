// The Library page's form for weights from elsewhere: what the file says of itself need not be said again.
import { make, need } from "#shared/elements.mjs";
import { megabytes } from "#shared/numbers.mjs";

const HEADER = 2 ** 20; // bytes of a safetensors header that are looked at
/** @type {Record<number, string>} by the number of gates */
const CELLS = { 1: "vanilla", 3: "gru", 4: "lstm" };

/**
 * What the header of a safetensors file says: its configuration, or what the shapes of its tensors tell; null if nothing.
 * @param {File} file
 * @returns {Promise<{ config: any, units: number | undefined, cell: string | undefined } | null>}
 */
async function header(file) {
  try {
    const size = Number(new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true));
    if (!(size > 1 && size < HEADER)) return null;
    const found = JSON.parse(await file.slice(8, 8 + size).text());
    const shape = (/** @type {string} */ name) => (Array.isArray(found[name]?.shape) ? found[name].shape : []);
    const [units] = shape("readout_weight");
    const [rows] = shape("weight_ih");
    const said = found.__metadata__?.loptscope;
    return { config: said ? JSON.parse(said).config : null, units, cell: CELLS[rows / units] };
  } catch {
    return null;
  }
}

/** @type {[string, (bytes: Uint8Array) => boolean][]} kinds of files by how they begin */
const KINDS = [
  ["a zip archive (PyTorch's .pt and .pth, and .npz)", ([a, b]) => a === 0x50 && b === 0x4b],
  ["a pickle", ([a, b]) => a === 0x80 && b <= 5],
  ["a NumPy array (.npy)", ([a, ...more]) => a === 0x93 && String.fromCharCode(...more.slice(0, 5)) === "NUMPY"],
  ["an HDF5 file", ([a, b, c, d]) => a === 0x89 && b === 0x48 && c === 0x44 && d === 0x46],
  ["a JSON or text file", (bytes) => bytes.length > 0 && bytes.every((one) => one === 9 || one === 10 || one === 13 || (one > 31 && one < 127))],
];

/**
 * What kind of file it is, in words.
 * @param {Uint8Array} bytes its beginning
 * @param {boolean} readable whether its header could be read as that of safetensors
 */
export function kindOf(bytes, readable) {
  if (readable) return "a safetensors file";
  if (!bytes.length) return "an empty file";
  return KINDS.find(([, fits]) => fits(bytes))?.[0] ?? "of a kind that is not known here";
}

/**
 * What is said of a chosen file: first what it is, then what it does not contain.
 * @param {string} name
 * @param {string} kind
 * @param {{ config: any, units: number | undefined, cell: string | undefined } | null} known
 */
export function saidOf(name, kind, known) {
  if (!known) return `${name} is ${kind}. Weights are imported from safetensors files: save them as one first.`;
  if (known.config) return `${name} is ${kind} with weights and their architecture: nothing is missing.`;
  const of = known.units ? ` with the weights of a ${known.cell ?? "cell"} with ${known.units} units` : " without the weights of a known cell";
  return `${name} is ${kind}${of}. It does not contain its features and scales: choose them below.`;
}

/** @param {string} name */
const runName = (name) =>
  name
    .replace(/\.[^.]*$/, "")
    .replace(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 100);

/**
 * @param {string} id
 * @param {Record<string, string>} options
 * @param {string} [chosen]
 */
function choices(id, options, chosen) {
  const option = ([value, text] = ["", ""]) =>
    make("option", { value, defaultSelected: value === chosen, selected: value === chosen }, text);
  return make("select", { id }, ...Object.entries(options).map(option));
}

/**
 * @param {string} title
 * @param {Node} control
 */
const field = (title, control) =>
  make("label", { className: "field" }, make("span", { className: "label" }, title), control);

/**
 * The controls of what a file may leave unsaid, by name of the setting.
 * @param {any} words
 */
function unsaidSettings({ choices: options, defaults }) {
  const chosen = (/** @type {string} */ name) => choices(`import-${name}`, options[name], defaults[name]);
  const number = (/** @type {string} */ name, /** @type {object} */ properties) =>
    make("input", { id: `import-${name}`, type: "number", ...properties });
  const scale = (/** @type {string} */ name) => number(name, { step: "any", defaultValue: defaults[name] });
  return {
    cell: field("Cell", chosen("cell")),
    units: field("Units", number("units", { min: 1, max: 1024, required: true })),
    reset: field("Reset gate of a GRU", chosen("reset")),
    features: field("Features", chosen("features")),
    feature_scale: field("Feature scale", scale("feature_scale")),
    output_scale: field("Output scale", scale("output_scale")),
  };
}

/** @param {string} name of a setting */
const control = (name) => /** @type {HTMLInputElement | HTMLSelectElement} */ (need(`import-${name}`));

/**
 * Put the form into its place.
 * @param {HTMLElement} room
 * @param {any} words what the server says of names
 * @param {(query: URLSearchParams, file: File) => Promise<string>} send says why the weights were refused, or ""
 */
export function upload(room, words, send) {
  const settings = unsaidSettings(words);
  const legend = make("legend", {}, "Not in the file");
  const unsaid = make("fieldset", { className: "import-fields", hidden: true, disabled: true }, legend, ...Object.values(settings));
  const file = make("input", { id: "import-file", type: "file", accept: ".safetensors", required: true });
  const name = make("input", {
    id: "import-name",
    type: "text",
    maxLength: 100,
    required: true,
    autocomplete: "off",
    pattern: "[A-Za-z0-9][A-Za-z0-9_.\\-]*",
    title: "letters, digits, dots, dashes and underscores",
  });
  const task = choices("import-task", words.tasks);
  const said = make("p", { className: "hint", id: "import-said" });
  const refusal = make("p", { className: "notice", id: "import-refusal", role: "alert" });
  const go = make("button", { type: "submit", className: "action" }, "Import");
  const most = megabytes(words.largest);

  file.addEventListener("change", async () => {
    refusal.textContent = "";
    const chosen = file.files?.[0];
    const known = chosen ? await header(chosen) : null;
    const complete = Boolean(known?.config);
    unsaid.hidden = complete || !known;
    unsaid.disabled = unsaid.hidden;
    const beginning = new Uint8Array((await chosen?.slice(0, 64).arrayBuffer()) ?? []);
    said.textContent = chosen ? saidOf(chosen.name, kindOf(beginning, Boolean(known)), known) : "";
    go.disabled = Boolean(chosen) && !known;
    if (!chosen) return;
    if (!name.value) name.value = runName(chosen.name);
    if (complete && words.tasks[known?.config.task]) task.value = known?.config.task;
    if (known?.units) control("units").value = String(known.units);
    if (known?.cell) control("cell").value = known.cell;
  });

  const form = make(
    "form",
    { className: "import-form" },
    make(
      "p",
      { className: "hint" },
      `A safetensors file with the weights of a known cell, up to ${most}: a file that was downloaded here contains everything else; for other files, choose the settings below. The import becomes a run of your own with one snapshot.`,
    ),
    make("div", { className: "import-fields" }, field("File", file), field("Name", name), field("Task", task)),
    said,
    unsaid,
    refusal,
    go,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = file.files?.[0];
    if (!chosen) return;
    const query = new URLSearchParams({ task: task.value, name: name.value });
    if (!unsaid.hidden) for (const key of Object.keys(settings)) query.set(key, control(key).value);
    go.disabled = true;
    refusal.textContent =
      chosen.size > words.largest
        ? `The file has ${megabytes(chosen.size)}; the limit is ${most}.`
        : await send(query, chosen);
    if (file.files?.[0] !== chosen) return; // another file chosen meanwhile keeps its fields, and says whether it can be sent
    go.disabled = false;
    if (refusal.textContent) return;
    form.reset();
    Object.assign(unsaid, { hidden: true, disabled: true });
    said.textContent = "";
  });
  room.append(form);
}
