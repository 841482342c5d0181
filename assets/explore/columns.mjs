// Columns of panels: the first one is Dash's, those beside it are made here, and drawn with the same overlays.
import { all, find, make, need, resized } from "#shared/elements.mjs";

/** The panels of the page in their order: those that the server made for the first column. */
export const panelNames = () => all(document, "#panels > .panel").map((section) => section.dataset.panel ?? "");

/**
 * The head of a column.
 * @param {ColumnView} view
 * @param {number} column
 */
function head(view, column) {
  const mark = make("i");
  mark.style.setProperty("--mark", view.color);
  const title = make("h2", {}, mark, view.title);
  const detail = make("p", { className: "hint" }, view.detail);
  return make("div", { className: "column-head", "data-column": column }, title, detail);
}

/**
 * A panel like the first column's, for the same kind of figure.
 * @param {string} name
 * @param {number} column
 */
function panel(name, column) {
  const first = need(`${name}-panel`);
  const [heading] = all(first, "h2");
  const title = make("h2", { title: heading.title }, heading.textContent);
  const readout = make("div", { className: "readout", "aria-hidden": "true" });
  const canvas = (/** @type {string} */ className) => make("canvas", { className, "aria-hidden": "true" });
  const plot = make("div", { className: "plot" }, canvas("under"), make("div", { className: "graph" }), canvas("over"));
  const labels = { "data-panel": name, "data-column": column, "aria-label": first.getAttribute("aria-label") };
  return make(
    "section",
    { id: `${name}-panel-${column + 1}`, className: "panel", ...labels },
    make("div", { className: "panel-head" }, title, readout, first.querySelector(".panel-note")?.cloneNode(true)),
    plot,
  );
}

/** @type {WeakMap<HTMLElement, object>} */
const wanted = new WeakMap(); // the newest figure of each plot
/** @type {WeakMap<HTMLElement, object>} */
const drawn = new WeakMap();

/**
 * Draw a figure where Dash does not: in columns beside the first, and everywhere in a saved page.
 * @param {HTMLElement} plot
 * @param {any} figure
 * @param {object} config
 */
export function drawFigure(plot, figure, config) {
  wanted.set(plot, figure);
  if (!window.Plotly) {
    setTimeout(() => wanted.get(plot) === figure && drawFigure(plot, figure, config), 20); // Dash is loading it
  } else if (drawn.get(plot) !== figure) {
    drawn.set(plot, figure);
    window.Plotly.react(plot, figure.data, figure.layout, config);
  }
}

/**
 * Make room for the columns of a view, and draw the figures of those beside the first.
 * @param {View} view
 * @returns {ColumnView[]}
 */
export function layOut(view) {
  const board = need("board");
  const beside = need("beside");
  const views = [view, ...view.beside];
  board.classList.toggle("compare", views.length > 1);
  board.style.setProperty("--columns", String(views.length));
  for (const old of all(beside, ".column-head")) old.remove();
  for (const old of all(beside, ".panel")) if (Number(old.dataset.column) >= views.length) old.remove();
  if (views.length > 1) beside.append(...views.map(head));
  view.beside.forEach((one, i) => {
    for (const name of panelNames()) {
      let section = find(`${name}-panel-${i + 2}`);
      if (!section) beside.append((section = panel(name, i + 1)));
      drawFigure(all(section, ".graph")[0], one.figures[name], view.config);
    }
  });
  showPanels();
  return views;
}

/** @type {string[] | null} which panels are shown: all as long as nothing was chosen */
let chosen = null;
export const panelsShown = () => chosen ?? panelNames();

/** @param {string[]} names */
export function choosePanels(names) {
  chosen = panelNames().filter((name) => names.includes(name));
  showPanels();
}

function showPanels() {
  const board = find("board");
  if (!board) return;
  let row = 1;
  let changed = board.dataset.columns !== board.style.getPropertyValue("--columns");
  for (const name of panelNames()) {
    const hidden = !panelsShown().includes(name);
    row += hidden ? 0 : 1;
    for (const section of all(board, `.panel[data-panel="${name}"]`)) {
      changed = changed || hidden !== section.hasAttribute("data-hidden");
      section.toggleAttribute("data-hidden", hidden); // out of sight, yet of a size: Plotly goes on drawing it
      section.style.setProperty("--row", String(row));
    }
  }
  board.dataset.shown = String(panelsShown().length);
  board.dataset.columns = board.style.getPropertyValue("--columns");
  if (changed) resized();
}
