// How the Library page draws one run as a row of the table.
import { titleOf } from "#library/order.mjs";
import { make } from "#shared/elements.mjs";
import { day, isFinite, megabytes, plusMinus, readable, whole } from "#shared/numbers.mjs";
import { readOnly } from "#shared/tables.mjs";

/** @typedef {import("#library/order.mjs").Entry} Entry */

const WIDTH = 104;
const HEIGHT = 28;
const MANY = 1000; // times the meta-loss: beyond, it is told in full where it is pointed at
/** @type {Record<string, string>} */
export const ORIGINS = { shipped: "shipped", trained: "trained here", imported: "imported" };
/** @typedef {{ title: string, median: number | null, low: number | null, high: number | null }} Ratio of meta-losses; null is infinite */

/** @typedef {import("#shared/elements.mjs").Child} Child */
/** @param {string} text */
const value = (text) => make("span", { className: "value" }, text);
/** @param {...Child} children */
const stack = (...children) => make("span", { className: "stack" }, ...children);
/** @param {...Child} children */
const cell = (...children) => make("td", {}, ...children);

/**
 * @param {string} kind
 * @param {Record<string, string | number>} attributes
 */
function svg(kind, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, String(text));
  return element;
}

/** @param {{ heights: (number | null)[], first: number | null, last: number | null }} curve */
function sparkline({ heights, first, last }) {
  if (!heights.length) return value("none");
  const end = Math.max(1, heights.length - 1);
  let path = "";
  let pen = "M";
  heights.forEach((height, i) => {
    if (height === null) pen = "M";
    else {
      const x = (i / end) * (WIDTH - 4) + 2;
      const y = HEIGHT - 2 - (height / 100) * (HEIGHT - 4);
      path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
    }
  });
  const gaps = heights.filter((height) => height === null).length;
  const missing = gaps ? `, not finite in ${gaps} of ${heights.length} segments` : "";
  const said = `outer loss from ${readable(first)} to ${readable(last)}${missing}`;
  const labels = { role: "img", "aria-label": said, class: "sparkline" };
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, ...labels });
  drawn.append(svg("path", { d: path, fill: "none" }));
  const ends = `${readable(first, 2)} → ${readable(last, 2)}${gaps ? " (gaps: not finite)" : ""}`;
  return make("span", { className: "spark", title: said }, drawn, value(ends));
}

/**
 * @param {any} found
 * @param {any} words
 */
function heldOut(found, words) {
  if (!found) return value("not evaluated");
  const won = isFinite(found.mean) && isFinite(found.baseline_mean) && found.mean < found.baseline_mean;
  const mine = isFinite(found.mean) ? plusMinus(found.mean, found.sem) : `diverges on ${found.diverged} of ${found.problems}`;
  const title = words.optimizers[found.baseline] || found.baseline;
  const best = found.baseline ? `${title} ${plusMinus(found.baseline_mean, found.baseline_sem)}` : "no baseline";
  return stack(make(won ? "b" : "span", {}, mine), value("best tuned:"), value(best));
}

/**
 * The interval of a ratio in words.
 * @param {Ratio} ratio
 */
export function interval({ low, high }) {
  return `${isFinite(low) ? readable(low) : "more"} to ${isFinite(high) ? readable(high) : "more"}`;
}

/** @param {Record<string, Ratio> | null} found by mechanism */
function mechanisms(found) {
  if (!found) return value("not measured");
  const parts = Object.entries(found).flatMap(([name, ratio]) => {
    const { median, title } = ratio;
    const told = isFinite(median)
      ? `${readable(median)} times the meta-loss (95 %: ${interval(ratio)})`
      : "it diverges on half of the problems";
    const brief = !isFinite(median) ? "diverges" : median > MANY ? `> ${whole(MANY)} ×` : `${readable(median)} ×`;
    return [
      make("span", { className: "value", title: `${name} switched off: ${told}` }, title),
      make("span", { title: told }, brief),
    ];
  });
  return make("span", { className: "mechanisms-of" }, ...parts);
}

/**
 * A link to a page that shows a run.
 * @param {string} path
 * @param {Entry} entry
 * @param {string} text
 */
export function link(path, entry, text) {
  const query = new URLSearchParams({ task: entry.task, optimizer: entry.name });
  return make("a", { href: `${path}?${query}`, "aria-label": `${text}: ${titleOf(entry)}` }, text);
}

/**
 * The button that evaluates a run of one's own whose last snapshot has no score.
 * @param {Entry} entry
 * @param {string} key
 */
function evaluateButton(entry, key) {
  const current = entry.held_out && entry.held_out.outer_step === entry.last_snapshot;
  return entry.looks && !current ? measureButton(entry, key, "evaluation", "Evaluate now") : null;
}

/**
 * A button that lets a worker measure a run of one's own.
 * @param {Entry} entry
 * @param {string} key
 * @param {string} kind "evaluation" or "distillation"
 * @param {string} text
 */
export function measureButton(entry, key, kind, text) {
  if (readOnly || entry.kind !== "own") return null;
  const data = { "data-library": "measure", "data-of": key, "data-kind": kind, "data-focus": `${kind} ${key}` };
  return make("button", { type: "button", className: "plain", ...data }, text);
}

/**
 * How far a measurement is, and the button that cancels it.
 * @param {string} said
 * @param {string} key
 * @param {string} kind
 */
export function measuring(said, key, kind) {
  const data = { "data-library": "cancel", "data-of": key, "data-kind": kind, "data-focus": `cancel ${kind} ${key}` };
  const cancel = make("button", { type: "button", className: "plain", "aria-label": `Cancel the ${kind}`, ...data }, "Cancel");
  return stack(value(`${said}…`), readOnly ? null : cancel);
}

/**
 * A link to the page of a run.
 * @param {Entry} entry
 */
const ownPage = (entry) =>
  make("a", { href: `/runs?${new URLSearchParams({ runs: entry.name })}`, "aria-label": `Run: ${titleOf(entry)}` }, "Run");

/**
 * @param {Entry} entry
 * @param {{ key: string, words: any, open: boolean, ticked: boolean, evaluating: string, failed: string }} how
 */
export function row(entry, { key, words, open, ticked, evaluating, failed }) {
  const breakable = titleOf(entry)
    .split(/(?<=[_-])/)
    .flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
  const data = { "data-library": "open", "data-of": key, "data-focus": key, "aria-expanded": String(open) };
  const button = make("button", { type: "button", className: "unfold", title: entry.name, ...data }, ...breakable);
  const note = entry.note ? make("span", { className: "note" }, entry.note) : "";
  const name = titleOf(entry) === entry.name ? "" : value(entry.name);
  const labels = { type: "checkbox", checked: ticked, "data-library-tick": key, "aria-label": `Compare ${titleOf(entry)}` };
  const tick = entry.kind === "own" || entry.looks ? make("input", { className: "tick", ...labels }) : null;
  const done = whole(entry.outer_step);
  const steps = entry.outer_step < entry.outer_steps ? `${done} of ${whole(entry.outer_steps)}` : `${done} steps`;
  const state = make("span", { className: "state", "data-state": entry.state }, entry.state);
  const looks = entry.looks
    ? stack(link("/", entry, "Explore"), link("/mechanisms", entry, "Mechanisms"), ownPage(entry))
    : value(entry.snapshots ? "when it is over" : "no snapshot yet");
  return make(
    "tr",
    { className: open ? "is-open" : "", "data-key": key },
    make("th", { scope: "row" }, make("span", { className: "named" }, tick, stack(button, name, note))),
    cell(words.tasks[entry.task] || entry.task),
    cell(stack(make("span", {}, entry.label), value(`seed ${entry.seed}`))),
    cell(stack(make("span", {}, state), value(steps))),
    cell(sparkline(entry.curve)),
    cell(evaluating ? measuring(evaluating, key, "evaluation") : stack(heldOut(entry.held_out, words), failed ? value(failed) : null, evaluateButton(entry, key))),
    cell(mechanisms(entry.mechanisms)),
    cell(stack(make("span", {}, whole(entry.parameters)), value("parameters"), value(megabytes(entry.bytes)))),
    cell(stack(make("span", {}, ORIGINS[entry.origin]), value(entry.when ? day(entry.when) : ""))),
    cell(looks),
  );
}
