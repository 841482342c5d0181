// The dialog that saves a figure, or all figures of a view: size on paper, font, what is written on it, and the kind of file.
import { compose } from "#export/compose.mjs";
import { toPDF, toPNG } from "#export/files.mjs";
import { SIZES, refusal } from "#export/sizes.mjs";
import { make } from "#shared/elements.mjs";
import { download } from "#shared/files.mjs";

const KEPT = "loptscope.export"; // in the browser's storage: the size that was chosen last
const SOON = 250; // ms from a change to the preview

/** @typedef {import("#export/render.mjs").Source} Source */
/**
 * What can be saved.
 * @typedef {object} Offer
 * @property {Source} one the figure whose menu was opened
 * @property {Source[]} all figures of its view
 * @property {string} view their common title
 * @property {(several: boolean) => string} name of the file, without its kind
 * @property {boolean} steps whether a step can be marked
 */

/** @typedef {{ what: string, size: string, width: number, height: number, font: number, columns: number, named: boolean, legend: boolean, marked: boolean }} Choice */
/** @type {Choice} */
const FIRST = { what: "one", size: "column", ...SIZES.column, named: true, legend: true, marked: false };

/** @returns {Choice} */
function remembered() {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEPT) ?? "{}"), what: "one", marked: false };
  } catch {
    return FIRST;
  }
}

/** @param {string} title @param {HTMLElement} control */
const field = (title, control) => make("label", { className: "field" }, make("span", { className: "label" }, title), control);

/** @param {Record<string, any>} properties */
const number = (properties) => make("input", { type: "number", step: "any", required: true, ...properties });

/** @param {string} id @param {string} title @param {boolean} checked */
function check(id, title, checked) {
  const box = make("input", { type: "checkbox", id, checked });
  return { box, row: make("label", { className: "check" }, box, title) };
}

/** @param {string} id @param {Record<string, string>} options @param {string} chosen */
function select(id, options, chosen) {
  const list = Object.entries(options).map(([value, text]) => make("option", { value, selected: value === chosen }, text));
  return make("select", { id }, ...list);
}

/** @type {HTMLDialogElement | null} */
let box = null;
/** @param {Offer} offer */
export function openExport(offer) {
  box?.remove();
  box = build(offer);
  document.body.append(box);
  box.showModal();
}

/** @param {Offer} offer */
function build(offer) {
  const choice = remembered();
  const titles = Object.fromEntries(Object.entries(SIZES).map(([name, { title }]) => [name, title]));
  const count = offer.all.length;
  const what = select("export-what", { one: `This figure: ${offer.one.title}`, all: `All ${count} figures of this view` }, choice.what);
  const size = select("export-size", { ...titles, own: "Own size" }, choice.size);
  const width = number({ id: "export-width", value: choice.width });
  const height = number({ id: "export-height", value: choice.height });
  const font = number({ id: "export-font", value: choice.font });
  const columns = number({ id: "export-columns", value: choice.columns, min: 1, max: 4, step: 1 });
  const named = check("export-named", "Title, task, optimizer and seeds", choice.named);
  const legend = check("export-legend", "Legend", choice.legend);
  const marked = check("export-marked", "Mark the inner step", choice.marked);
  const preview = make("img", { className: "export-preview", alt: "Preview" });
  const said = make("p", { className: "notice", role: "alert" });
  const columnsField = field("Figures side by side", columns);

  /** @returns {Choice} */
  const chosen = () => ({
    what: what.value,
    size: size.value,
    width: width.valueAsNumber,
    height: height.valueAsNumber,
    font: font.valueAsNumber,
    columns: Math.round(columns.valueAsNumber) || 1,
    named: named.box.checked,
    legend: legend.box.checked,
    marked: marked.box.checked,
  });
  const isAll = () => what.value === "all";

  async function drawn() {
    const wanted = chosen();
    const wrong = refusal(wanted);
    if (wrong) throw new RangeError(wrong);
    const style = getComputedStyle(document.documentElement);
    const [text, surface] = ["--text", "--surface"].map((name) => style.getPropertyValue(name).trim());
    return compose(isAll() ? offer.all : [offer.one], offer.view, { ...wanted, text, surface });
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let asked = 0;
  function show() {
    columnsField.hidden = !isAll();
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++asked;
      try {
        const svg = await drawn();
        if (mine !== asked) return;
        URL.revokeObjectURL(preview.src);
        preview.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
        said.textContent = "";
        dialog.dataset.drawn = String(mine);
      } catch (error) {
        if (mine === asked) said.textContent = error instanceof Error ? error.message : String(error);
      }
    }, SOON);
  }

  /** @param {"svg" | "png" | "pdf"} kind */
  async function save(kind) {
    const button = buttons[kind];
    button.disabled = true;
    try {
      const svg = await drawn();
      const content =
        kind === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : kind === "png" ? await toPNG(svg, chosen().width) : await toPDF(svg);
      download(`${offer.name(isAll())}.${kind}`, content);
      try {
        localStorage.setItem(KEPT, JSON.stringify(chosen()));
      } catch {
        // a browser without storage: the next dialog begins with the usual size
      }
      said.textContent = "";
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : String(error);
    }
    button.disabled = false;
  }

  /** @param {"svg" | "png" | "pdf"} kind */
  const saver = (kind) =>
    make("button", { type: "button", className: "action strong", onclick: () => save(kind) }, `Save as ${kind.toUpperCase()}`);
  const buttons = { pdf: saver("pdf"), svg: saver("svg"), png: saver("png") };
  const close = make("button", { type: "button", className: "action", onclick: () => dialog.close() }, "Close");

  size.addEventListener("change", () => {
    const known = SIZES[size.value];
    if (!known) return;
    for (const [input, value] of /** @type {const} */ ([[width, known.width], [height, known.height], [font, known.font], [columns, known.columns]])) {
      input.value = String(value);
    }
  });
  for (const input of [width, height]) input.addEventListener("input", () => (size.value = "own"));
  const dark = document.documentElement.getAttribute("data-mantine-color-scheme") === "dark";
  const hint = dark ? "The file has the page's dark colours: for paper, switch the page to light first." : "";
  const form = make(
    "form",
    { className: "export-form", method: "dialog" },
    count > 1 ? field("What", what) : null,
    field("Size", size),
    make("div", { className: "export-numbers" }, field("Width, mm", width), field("Height of a figure, mm", height), field("Font, pt", font), columnsField),
    named.row,
    legend.row,
    offer.steps ? marked.row : null,
    hint ? make("p", { className: "hint" }, hint) : null,
    said,
    make("div", { className: "actions" }, buttons.pdf, buttons.svg, buttons.png, close),
  );
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  const title = make("h2", { id: "export-title" }, "Save this figure");
  const dialog = make("dialog", { id: "export", "aria-labelledby": "export-title" }, title, make("div", { className: "export-parts" }, form, preview));
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // the page behind it has keys of its own
  dialog.addEventListener("close", () => {
    URL.revokeObjectURL(preview.src);
    clearTimeout(waiting);
  });
  show();
  return dialog;
}
