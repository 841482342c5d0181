// One menu for every figure of every page: enlarge, hide, save, its data as CSV, the Python that draws it.
import { openExport } from "#export/dialog.mjs";
import { rowsOf, toCSV } from "#shared/csv.mjs";
import { all, closest, find, make, plotIn, resized } from "#shared/elements.mjs";
import { copyTextOf, download } from "#shared/files.mjs";
import { pages } from "#shared/tables.mjs";

const ROOMS = "#board .panel, .room";

/**
 * What the menu must know of Explore's panels, which are drawn over and stand in columns.
 * @typedef {object} Board
 * @property {() => number} step the inner step shown
 * @property {() => string | null} link of a page kept as one file, which has no address of its own
 * @property {(room: HTMLElement) => BoardFigure | null} describe
 * @property {(name: string) => void} hide
 */
/**
 * @typedef {object} BoardFigure
 * @property {string} suffix what stands after a title where there are several columns
 * @property {string} view what stands above all figures of the column
 * @property {(marked: boolean) => string} at the step it shows, in words; "" if it shows all of them
 * @property {(plot: Plot, marked: boolean) => { under: string, over: string }} layers SVG of what is drawn under and over the figure
 * @property {(marked: boolean) => import("#export/legend.mjs").Entry[]} legend
 * @property {() => any[][]} rows numbers of what is drawn over it
 * @property {((x: number) => number) | undefined} back undoes how its horizontal axis is spread
 */

/** @type {Board | null} */
let board = null;
/** @param {Board} explore */
export function connectBoard(explore) {
  board = explore;
}

/** @param {HTMLElement} room */
function describe(room) {
  const { panel: name, column = "0", side } = room.dataset;
  const heading = (name ? room : (room.closest("section") ?? room)).querySelector("h2, h3, h4");
  const graph = room.querySelector("[id$=-graph]");
  const named = graph ? graph.id.replace(/^(performance|train|runs)-|-graph$/g, "") : "figure";
  const figure = name ?? room.dataset.figure ?? named;
  const drawn = name ? (board?.describe(room) ?? null) : null;
  const title = `${heading?.firstChild?.textContent ?? figure}${drawn?.suffix ?? ""}`;
  return { room, plot: plotIn(room), figure, title, panel: name ? room : null, number: Number(column), side: Number(side ?? 0), drawn };
}

/** @typedef {ReturnType<typeof describe> & { plot: Plot }} Figure */

function pageName() {
  if (typeof board?.link() === "string") return "explore";
  return Object.keys(pages).find((name) => pages[name].path === location.pathname) ?? "page";
}

/** @param {Figure} it */
function fileName({ figure, number, side }) {
  const which = number || side ? `-${(number || side) + 1}` : "";
  const step = board && find("inner-step") ? `-step${board.step()}` : "";
  return `loptscope-${pageName()}-${figure}${which}${step}`;
}

/**
 * The lines that draw a figure again, from the link of the view.
 * @param {Figure} it
 */
function python(it) {
  const { page = pageName(), query = location.search.replace(/^\?/, "") } = it.room.dataset; // of the page it comes from
  const column = it.number ? `, column=${it.number}` : "";
  const side = it.side ? `, side=${it.side}` : "";
  const link = board?.link() ?? query;
  return `import loptscope\n\nview = loptscope.${page}("${link}")\nview.figure("${it.figure}"${it.panel ? column : side}).show()\n`;
}

/**
 * What is exported of a figure.
 * @param {Figure} it
 * @returns {import("#export/render.mjs").Source}
 */
function sourceOf({ plot, title, room, drawn }) {
  const said = plot.layout?.meta?.about ?? room.closest("[data-about]")?.getAttribute("data-about") ?? "";
  return {
    plot,
    title,
    about: said,
    at: (marked) => drawn?.at(marked) ?? "",
    layers: drawn?.layers ?? null,
    legend: drawn?.legend ?? null,
  };
}

/**
 * All figures of the view that a figure is part of, in their order.
 * @param {Figure} it
 */
function together({ room, panel, number }) {
  const shown = ".room:not(.picture-room)";
  const place = panel ? document : (room.closest(".side, .figures, #train-chosen") ?? document);
  const rooms = panel ? all(place, `#board .panel[data-column="${number}"]:not([data-hidden])`) : all(place, shown);
  const figures = rooms.filter((one) => one.offsetParent && plotIn(one)).map((one) => /** @type {Figure} */ (describe(one)));
  return figures.filter(({ plot }) => plot.data?.length);
}

/** @param {Figure} it */
function viewOf({ room, drawn }) {
  const side = room.closest(".side");
  if (drawn) return drawn.view;
  if (side) return side.getAttribute("aria-label") ?? "";
  const heading = (room.closest(".chapter") ?? document.querySelector("main") ?? document).querySelector("h2, h3");
  return heading?.textContent ?? "";
}

/** @type {Record<string, (it: Figure) => void>} */
const ACTS = {
  save(it) {
    const figures = together(it);
    openExport({
      one: sourceOf(it),
      all: figures.map(sourceOf),
      view: viewOf(it),
      name: (several) => fileName(several ? { ...it, figure: "all" } : it),
      steps: Boolean(it.drawn),
    });
  },
  csv(it) {
    download(`${fileName(it)}.csv`, toCSV(rowsOf(it.plot, it.drawn?.rows(), it.drawn?.back)), "text/csv");
  },
  python(it) {
    const { box, code } = (dialog ??= makeDialog());
    code.textContent = python(it);
    box.showModal();
  },
  enlarge(it) {
    enlarge(it.room.closest(".enlarged") ? null : (it.panel ?? it.room.closest(".card, section") ?? it.room));
  },
  hide(it) {
    if (it.panel) {
      board?.hide(it.figure);
      return;
    }
    (it.room.closest(".card") ?? it.room).classList.add("put-away");
    putAway();
  },
};
const LABELS = {
  enlarge: "Enlarge",
  hide: "Hide",
  save: "Save figure…",
  csv: "Data as CSV",
  python: "Python lines",
};

// Figures of other pages than Explore come back with one button.
function putAway() {
  const away = all(document, ".put-away");
  let bar = find("put-away-bar");
  if (!bar) {
    bar = make("button", { id: "put-away-bar", type: "button", className: "put-away-bar", onclick: bringBack });
    document.body.append(bar);
  }
  bar.hidden = !away.length;
  bar.textContent = away.length === 1 ? "1 figure is hidden: show it" : `${away.length} figures are hidden: show them`;
}
function bringBack() {
  for (const figure of all(document, ".put-away")) figure.classList.remove("put-away");
  putAway();
  resized();
}

/** @param {Element | null} section */
function enlarge(section) {
  for (const old of all(document, ".enlarged")) old.classList.remove("enlarged");
  document.body.classList.toggle("with-enlarged", Boolean(section));
  section?.classList.add("enlarged");
  resized();
}

/** @type {ReturnType<typeof makeDialog> | null} */
let dialog = null;
function makeDialog() {
  const code = make("code");
  const copy = make("button", { type: "button", className: "action" }, "Copy");
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyTextOf(code)) ? "Copied" : "Selected";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  const onclick = () => box.close();
  const close = make("button", { type: "button", className: "action", autofocus: true, onclick }, "Close");
  const box = make(
    "dialog",
    { id: "python-lines", "aria-label": "Python lines that draw this figure" },
    make("h2", {}, "The same figure in Python"),
    make("pre", { tabIndex: 0 }, code),
    make("div", { className: "actions" }, copy, close),
  );
  document.body.append(box);
  return { box, code };
}

// The menu: one for all buttons, at the button that opened it.
/** @type {HTMLElement | null} */
let opener = null;
function menu() {
  const before = find("figure-menu");
  if (before) return before;
  const items = Object.entries(LABELS).map(([act, label]) =>
    make("button", { type: "button", tabIndex: -1, role: "menuitem", "data-figure-act": act }, label),
  );
  const labels = { role: "menu", "aria-label": "Figure" };
  const list = make("div", { id: "figure-menu", className: "figure-menu", hidden: true, ...labels }, ...items);
  document.body.append(list);
  return list;
}

/** @param {HTMLElement} button */
function open(button) {
  const list = menu();
  const [first] = all(list, "[data-figure-act=enlarge]");
  opener = button;
  button.setAttribute("aria-expanded", "true");
  first.textContent = button.closest(".enlarged") ? "Original size" : LABELS.enlarge;
  list.hidden = false;
  const box = button.getBoundingClientRect();
  list.style.left = `${Math.max(4, Math.min(box.right - list.offsetWidth, innerWidth - list.offsetWidth - 4))}px`;
  list.style.top = `${Math.min(box.bottom + 2, innerHeight - list.offsetHeight - 4)}px`;
  first.focus();
}

/** @param {boolean} refocus whether the button that opened it gets the focus back */
function shut(refocus) {
  const list = find("figure-menu");
  if (!list || list.hidden) return;
  list.hidden = true;
  if (!opener) return;
  opener.setAttribute("aria-expanded", "false");
  if (refocus && opener.isConnected) opener.focus();
  opener = null;
}

document.addEventListener("click", async (event) => {
  const item = closest(event, "[data-figure-act]");
  const button = closest(event, ".figure-button");
  const room = /** @type {HTMLElement | null | undefined} */ (opener?.closest(ROOMS));
  if (item && room) {
    const it = describe(room);
    shut(true);
    if (it.plot) await ACTS[item.dataset.figureAct ?? ""](/** @type {Figure} */ (it));
  } else if (button && button !== opener) {
    shut(false);
    open(button);
  } else shut(Boolean(button));
});

document.addEventListener(
  "keydown",
  (event) => {
    const list = find("figure-menu");
    if (list && !list.hidden) {
      const items = all(list, "button");
      const at = items.findIndex((one) => one === document.activeElement);
      if (event.key === "Escape") shut(true);
      else if (event.key === "Tab") shut(false);
      else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
      else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
      else if (event.key === "Home") items[0].focus();
      else if (event.key === "End") items[items.length - 1].focus();
      else return;
      if (event.key !== "Tab") event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Escape" && document.querySelector(".enlarged") && !document.querySelector("dialog[open]")) {
      enlarge(null);
    }
  },
  true,
);

// Every figure gets its button as soon as it is there.
function decorate() {
  for (const room of all(document, ROOMS)) {
    if (room.querySelector(":scope > .figure-button") || !plotIn(room)) continue;
    const button = make("button", {
      type: "button",
      className: "figure-button",
      title: "Enlarge, hide, save, Python",
      "aria-label": `Figure menu: ${describe(room).title}`,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    });
    button.textContent = "⋯";
    room.append(button);
  }
  if (document.body.classList.contains("with-enlarged") && !document.querySelector(".enlarged")) enlarge(null);
  if (find("put-away-bar")) putAway();
}

/** @type {ReturnType<typeof setTimeout> | null} */
let waiting = null;
new MutationObserver(() => {
  waiting ??= setTimeout(() => {
    waiting = null;
    decorate();
  }, 60);
}).observe(document.documentElement, { childList: true, subtree: true });
// Modules load late: what is there already has changed before anyone watched.
decorate();
