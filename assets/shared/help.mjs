// The keys of the page, in a dialog that "?" opens on every page.
import { closest, find, make } from "#shared/elements.mjs";
import { pages } from "#shared/tables.mjs";

/** @typedef {[string[], string]} Row keys, and what they do */

/** @type {Row[]} */
const FIGURES = [
  [["Tab"], "moves to the next control, and to the menu (⋯) of each figure"],
  [["Esc"], "closes a menu, a dialog or an enlarged figure"],
];
/** @type {Row[]} */
const SLIDERS = [
  [["←", "→"], "on a slider: one position back or forward"],
  [["Home", "End"], "on a slider: first or last position"],
  ...FIGURES,
];
/** @type {Record<string, Row[]>} */
const KEYS = {
  explore: [
    [["Space"], "plays and pauses"],
    [["←", "→"], "one inner step back or forward"],
    [["Home", "End"], "first or last inner step"],
    ...FIGURES,
  ],
  mechanisms: SLIDERS,
  guide: SLIDERS,
};
/** @type {Row} */
const ALWAYS = [["?"], "shows this list"];

/** @param {Row} row */
function describe([keys, what]) {
  const names = keys.flatMap((key, i) => [...(i ? [" "] : []), make("kbd", {}, key)]);
  return make("div", {}, make("dt", {}, ...names), make("dd", {}, what));
}

function dialog() {
  const before = find("help");
  if (before instanceof HTMLDialogElement) return before;
  const close = make("button", { type: "button", className: "action", onclick: () => box.close() }, "Close");
  const title = make("h2", { id: "help-title" }, "Keyboard shortcuts");
  const box = make("dialog", { id: "help", className: "help", "aria-labelledby": "help-title" }, title, make("dl"), close);
  box.addEventListener("keydown", (event) => {
    if (event.key === "?") box.close();
    event.stopPropagation(); // the page behind it has keys of its own
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  return box;
}

function open() {
  if (document.querySelector("dialog[open]")) return;
  const box = dialog();
  const page = Object.keys(pages).find((name) => pages[name].path === location.pathname);
  const keys = KEYS[page ?? ""] ?? FIGURES;
  box.querySelector("dl")?.replaceChildren(...[...keys, ALWAYS].map(describe));
  box.showModal();
  box.querySelector("button")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (closest(event, "input:not([type=range]), textarea, select, [contenteditable]")) return;
  event.preventDefault();
  open();
});
document.addEventListener("click", (event) => closest(event, "#help-button") && open());
