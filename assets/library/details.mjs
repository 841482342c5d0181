// How the Library page draws all that is known of one run: a row of its own below the run's.
import { ORIGINS, interval, link, measureButton, measuring } from "#library/rows.mjs";
import { make } from "#shared/elements.mjs";
import { isFinite, lasted, megabytes, moment, plusMinus, readable, whole } from "#shared/numbers.mjs";
import { readOnly, states } from "#shared/tables.mjs";

/** @typedef {import("#library/order.mjs").Entry} Entry */
/** @typedef {import("#shared/elements.mjs").Child} Child */

const COLUMNS = 10; // of the table that the row is part of

/**
 * @param {string} title
 * @param {string} said
 */
const fact = (title, said) => make("div", {}, make("dt", {}, title), make("dd", {}, said));

/**
 * @param {string} title
 * @param {...Child} children
 */
const part = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

/** @param {any} found */
const mean = (found) => (isFinite(found.mean) ? plusMinus(found.mean, found.sem) : "diverges");

/**
 * @param {string} text
 * @param {string} command that would answer it
 */
const hint = (text, command) => make("p", { className: "hint" }, text, make("code", {}, command));

/** @param {Entry} entry */
function facts(entry) {
  const found = [
    fact("name", entry.name),
    fact("origin", ORIGINS[entry.origin]),
    ...(entry.when ? [fact("made", moment(entry.when))] : []),
    fact("seed", String(entry.seed)),
    fact("Loptscope", entry.version),
    fact("torch", entry.config.torch || "not recorded"),
    fact("training", entry.seconds ? lasted(entry.seconds) : "not recorded"),
    fact("diverged problems", whole(entry.diverged_problems)),
    fact("on disk", megabytes(entry.bytes)),
  ];
  if (entry.start) found.push(fact("started from", `${entry.start.run} at ${whole(entry.start.outer_step)}`));
  if (entry.message) found.push(fact("said", entry.message));
  return make("dl", { className: "facts" }, ...found);
}

/**
 * @param {Entry} entry
 * @param {string} key
 */
function label(entry, key) {
  if (readOnly || entry.kind !== "own") return null;
  const text = { type: "text", maxLength: 80, value: entry.title, placeholder: entry.name, autocomplete: "off" };
  const title = make("input", { id: `library-title-${key}`, ...text });
  const note = make("textarea", { id: `library-note-${key}`, maxLength: 2000, rows: 3, value: entry.note });
  const field = (/** @type {string} */ name, /** @type {Node} */ control) =>
    make("label", { className: "field" }, make("span", { className: "label" }, name), control);
  const data = { "data-library": "save", "data-of": key };
  const save = make("button", { type: "button", className: "action", ...data }, "Save");
  return part("Title and note", field("Title", title), field("Note", note), save);
}

/**
 * @param {Entry} entry
 * @param {string} key
 */
function downloads(entry, key) {
  const at = (/** @type {number} */ step) => `/api/library/${key}/weights?outer_step=${step}`;
  const id = `library-weights-${key}`;
  const chosen = [];
  if (entry.steps.length) {
    const steps = [...entry.steps].reverse();
    const options = steps.map((step) => make("option", { value: at(step) }, `outer step ${whole(step)}`));
    const labels = { "data-library-weights": id, "aria-label": "Snapshot to download" };
    chosen.push(make("select", labels, ...options));
    chosen.push(make("a", { id, href: at(entry.last_snapshot), download: "" }, "Weights (safetensors)"));
  }
  const all = make("a", { href: `/api/library/${key}/run.zip`, download: "" }, "Whole run (zip)");
  return make("span", { className: "downloads" }, ...chosen, all);
}

/**
 * @param {Entry} entry
 * @param {string} key
 */
function actions(entry, key) {
  const train = (/** @type {Record<string, string>} */ query, /** @type {string} */ text) =>
    make("a", { href: `/train?${new URLSearchParams(query)}` }, text);
  const opened = entry.looks
    ? [
        link("/", entry, "Explore"),
        link("/mechanisms", entry, "Mechanisms"),
        readOnly ? null : train({ start: `${entry.name}@${entry.last_snapshot}` }, "Start a training from it"),
      ]
    : [];
  const own = entry.kind === "own";
  const live = own && !states[entry.state].over ? train({ run: entry.name }, "Watch it on Train") : null;
  const data = { "data-library": "delete", "data-of": key };
  const gone = own && !readOnly ? make("button", { type: "button", className: "action", ...data }, "Delete") : null;
  return make("div", { className: "details-actions" }, ...opened, live, downloads(entry, key), gone);
}

/**
 * @param {string[]} headings
 * @param {string[][]} lines
 */
function table(headings, lines) {
  const heads = headings.map((text) => make("th", { scope: "col" }, text));
  const body = lines.map(([first, ...others]) =>
    make("tr", {}, make("th", { scope: "row" }, first), ...others.map((text) => make("td", {}, text))),
  );
  const head = make("thead", {}, make("tr", {}, ...heads));
  const drawn = make("table", { className: "scores small-scores" }, head, make("tbody", {}, ...body));
  return make("div", { className: "table-room", tabIndex: 0, role: "region", "aria-label": headings[0] }, drawn);
}

/**
 * @param {Entry} entry
 * @param {any} words
 */
function scores(entry, words) {
  /** @type {[string, any][]} */
  const entries = Object.entries(entry.scores);
  if (!entries.length) {
    return part("Held-out problems", hint("Not evaluated yet: ", `loptscope evaluate --run ${entry.name} --save`));
  }
  const title = (/** @type {string} */ name) => (name === "learned" ? "this one" : words.optimizers[name] || name);
  const lines = entries.map(([name, found]) => [title(name), mean(found), whole(found.diverged)]);
  return part(`${entry.held_out.problems} held-out problems`, table(["Optimizer", "Meta-loss", "Diverged"], lines));
}

/** @param {Entry} entry */
function ablations(entry) {
  const more = entry.looks ? [link("/mechanisms", entry, "See its mechanisms")] : [];
  if (!entry.ablations.length) {
    const command = `loptscope analyze --run ${entry.name} --save`;
    return part("Mechanisms", hint("Ablations have not been stored: ", command), ...more);
  }
  const median = (/** @type {any} */ found) => (isFinite(found.median) ? readable(found.median) : "diverges");
  const ratio = (/** @type {any} */ { ratio }) =>
    ratio ? `${isFinite(ratio.median) ? readable(ratio.median) : "infinite"} (${interval(ratio)})` : "";
  const lines = entry.ablations.map((/** @type {any} */ found) => [found.title, median(found), ratio(found), whole(found.diverged)]);
  const without = Object.entries(entry.without).map(([title, why]) => make("p", { className: "hint" }, `${title}: ${why}`));
  const drawn = table(["Ablation", "Median meta-loss", "Ratio (95 %)", "Diverged"], lines);
  return part("Ablations", drawn, ...without, ...more);
}

/**
 * The formula that it was distilled to, or the button that distils it.
 * @param {Entry} entry
 * @param {{ key: string, distilling: string, notDistilled: string }} how
 */
function formula(entry, { key, distilling, notDistilled }) {
  if (!entry.looks) return null;
  const shown = entry.distilled ? link("/distil", entry, "See it as a formula") : make("p", { className: "hint" }, "Not distilled yet.");
  const failed = notDistilled ? make("p", { className: "hint" }, notDistilled) : null;
  const button = entry.distilled ? null : measureButton(entry, key, "distillation", "Distil it");
  return part("As a formula", shown, ...(distilling ? [measuring(distilling, key, "distillation")] : [failed, button]));
}

/** @param {Entry} entry */
function snapshots(entry) {
  if (!entry.steps.length) return null;
  const at = (/** @type {number} */ step) => {
    if (!entry.looks) return make("span", {}, whole(step));
    const query = new URLSearchParams({ task: entry.task, optimizer: entry.name, outer_step: String(step) });
    return make("a", { href: `/?${query}`, title: `Explore outer step ${whole(step)}` }, whole(step));
  };
  return part("Snapshots", make("div", { className: "snapshots" }, ...entry.steps.map(at)));
}

/**
 * @param {Entry} entry
 * @param {string} key
 */
function command(entry, key) {
  if (!entry.command) {
    return part("Training", make("p", { className: "hint" }, "Imported: its training is unknown."));
  }
  const id = `library-command-${key}`;
  const copy = make("button", { type: "button", className: "plain", "data-library": "copy", "data-of": id }, "Copy");
  const code = make("code", { id, tabIndex: 0 }, entry.command);
  return part("The command that trains it again", make("div", { className: "command" }, code, copy));
}

/**
 * @param {Entry} entry
 * @param {{ key: string, words: any, distilling: string, notDistilled: string }} how
 */
export function details(entry, how) {
  const { key, words } = how;
  const text = JSON.stringify(entry.config, null, 1);
  const config = make(
    "details",
    {},
    make("summary", {}, "Configuration (config.json)"),
    make("pre", { tabIndex: 0, "aria-label": "Configuration" }, text),
  );
  const column = make("div", { className: "details-column" }, command(entry, key), formula(entry, how), snapshots(entry), config);
  const parts = make("div", { className: "details-parts" }, label(entry, key), scores(entry, words), ablations(entry), column);
  const inside = make("div", { className: "details" }, actions(entry, key), facts(entry), parts);
  return make("tr", { className: "details-row", "data-details": key }, make("td", { colspan: COLUMNS }, inside));
}
