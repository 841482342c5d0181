// What the menu of figures must know of Explore's panels: what is drawn over them, in which column, and hiding them.
import { unspread } from "#explore/axes.mjs";
import { panelsShown } from "#explore/columns.mjs";
import { drawMarks } from "#explore/drawing.mjs";
import { at, count } from "#explore/marks.mjs";
import { stage } from "#explore/stage.mjs";
import { connectBoard } from "#shared/figure-menu.mjs";
import { Pen } from "#shared/pen.mjs";

/** @typedef {import("#explore/marks.mjs").Panel} Panel */
/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */

/**
 * What is drawn under and over a panel at this step, as SVG.
 * @param {Panel} panel
 * @param {Overlay} overlay
 */
function layers(panel, overlay) {
  const pens = new Map([overlay.under, overlay.over].map((canvas) => [canvas, new Pen()]));
  const begin = (/** @type {HTMLCanvasElement} */ canvas) => /** @type {any} */ (pens.get(canvas));
  const { under, over, log } = overlay;
  const axes = () => overlay.axes();
  drawMarks({ under, over, log, axes, begin, say() {} }, panel, stage.step);
  const [svgUnder, svgOver] = [...pens.values()].map((pen) => pen.svg);
  return { under: svgUnder, over: svgOver };
}

/**
 * The numbers of what is drawn over a panel; what has a point for each inner step is a trace already.
 * @param {Panel} panel
 */
function rows({ lines, spread }) {
  const { step } = stage;
  return lines.flatMap((line) =>
    line.stepped
      ? []
      : Array.from({ length: count(line.x, step) }, (_, i) => [
          `${line.name} at inner step ${step}`,
          unspread(spread, at(line.x, step, i)),
          line.kind === "tick" ? "" : at(line.y, step, i),
        ]),
  );
}

/**
 * @param {{ hide: (names: string[]) => void, link: () => string | null }} page how panels are hidden; the link of a page
 *   that is kept as one file, and null for the server's
 */
export function connect({ hide, link }) {
  connectBoard({
    step: () => stage.step,
    link,
    hide(name) {
      const rest = panelsShown().filter((other) => other !== name);
      if (rest.length) hide(rest);
    },
    describe(room) {
      const column = stage.columns[Number(room.dataset.column)];
      const overlay = column?.overlays.find((one) => one.name === room.dataset.panel);
      if (!overlay) return null;
      const panel = column.panels[overlay.name];
      return {
        suffix: stage.columns.length > 1 ? `: ${column.view.title}` : "",
        layers: () => layers(panel, overlay),
        rows: () => rows(panel),
        back: panel.spread === null ? undefined : (x) => unspread(panel.spread, x),
      };
    },
  });
}
