// What the menu of figures must know of Explore's panels: what is drawn over them, in which column, and hiding them.
import { unspread } from "#explore/axes.mjs";
import { panelsShown } from "#explore/columns.mjs";
import { linesOf } from "#explore/lighting.mjs";
import { panels } from "#explore/panels.mjs";
import { stage } from "#explore/stage.mjs";
import { connectBoard } from "#shared/figure-menu.mjs";
import { Pen } from "#shared/pen.mjs";

/** @typedef {import("#explore/stage.mjs").Column} Column */
/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */

const GRADIENT_AXES = ["update", "gradient"]; // panels whose horizontal axis is the gradient, which may be spread

/**
 * What is drawn under and over a panel at this step, as SVG.
 * @param {Column} column
 * @param {Overlay} overlay
 */
function layers({ view, bundle }, overlay) {
  const pens = new Map([overlay.under, overlay.over].map((canvas) => [canvas, new Pen()]));
  const begin = (/** @type {HTMLCanvasElement} */ canvas) => /** @type {any} */ (pens.get(canvas));
  const { name, under, over, log } = overlay;
  const axes = () => overlay.axes();
  panels[name].draw({ name, under, over, log, axes, begin, say() {} }, view, bundle, stage.step);
  const [svgUnder, svgOver] = [...pens.values()].map((pen) => pen.svg);
  return { under: svgUnder, over: svgOver };
}

/**
 * The numbers of what is drawn over a panel; what has a point for each inner step is a trace already.
 * @param {Column} column
 * @param {Overlay} overlay
 * @param {(x: number) => number} back
 */
function rows({ view, bundle }, overlay, back) {
  const lines = linesOf(overlay.name, view, bundle, stage.step).filter((line) => !line.stepped);
  return lines.flatMap((line) =>
    Array.from({ length: line.count }, (_, i) => [
      `${line.name} at inner step ${stage.step}`,
      back(line.x(i)),
      line.tick ? "" : line.y(i),
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
      const spreads = column.view.symlog && GRADIENT_AXES.includes(overlay.name);
      const back = spreads ? (/** @type {number} */ x) => unspread(column.view, x) : undefined;
      return {
        suffix: stage.columns.length > 1 ? `: ${column.view.title}` : "",
        layers: () => layers(column, overlay),
        rows: () => rows(column, overlay, back ?? ((x) => x)),
        back,
      };
    },
  });
}
