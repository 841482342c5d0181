// What the menu of figures must know of Explore's panels: what is drawn over them, in which column, and hiding them.
import { axisMap, unspread } from "#explore/axes.mjs";
import { panelsShown } from "#explore/columns.mjs";
import { drawMarks } from "#explore/drawing.mjs";
import { at, count } from "#explore/marks.mjs";
import { stage } from "#explore/stage.mjs";
import { connectBoard } from "#shared/figure-menu.mjs";
import { fixedWidth } from "#shared/numbers.mjs";
import { Pen } from "#shared/pen.mjs";

/** @typedef {import("#explore/marks.mjs").Panel} Panel */

/**
 * What is drawn under and over a panel at this step, as SVG.
 * @param {Panel} panel
 * @param {Plot} plot the axes are its
 * @param {boolean} marked whether the step itself is marked, where the horizontal axis is the step
 */
function layers(panel, plot, marked) {
  const { xaxis, yaxis } = plot._fullLayout;
  const [under, over] = [new Pen(), new Pen()];
  const canvas = { width: 1 }; // in place of canvases that could be cleared
  const surface = /** @type {any} */ ({
    under: { ...canvas, pen: under },
    over: { ...canvas, pen: over },
    log: yaxis.type === "log",
    axes: () => ({ x: axisMap(xaxis), y: axisMap(yaxis) }),
    begin: (/** @type {{ pen: Pen }} */ { pen }) => pen,
    say() {},
  });
  const isStep = (/** @type {{ kind: string }} */ { kind }) => kind === "cursor" || (panel.steps && kind === "point");
  const marks = marked ? panel.marks : panel.marks.filter((mark) => !isStep(mark));
  drawMarks(surface, { ...panel, marks, readings: [] }, stage.step);
  return { under: under.svg, over: over.svg };
}

/**
 * The legend of a panel, with its numbers at the step where that is marked.
 * @param {Panel} panel
 * @param {boolean} marked
 */
function legend({ legend: chips, readings }, marked) {
  return chips.map(({ name, title, color = "", sign, dashed }, i) => {
    const reading = marked ? readings[i] : undefined;
    const value = reading ? ` ${fixedWidth(at(reading, stage.step))}` : "";
    return { text: `${name || title || ""}${value}`, color, sign, line: dashed, dash: "dash" };
  });
}

/**
 * The numbers of what is drawn over a panel: whole lines, and what there is at the step. What else has a point for each inner
 * step is a trace already.
 * @param {Panel} panel
 */
function rows({ marks, lines, spread }) {
  const { step } = stage;
  const whole = marks.flatMap((mark) =>
    mark.kind === "line" && mark.opacity < 1
      ? Array.from({ length: count(mark.x, step) }, (_, i) => [
          mark.name,
          unspread(spread, at(mark.x, step, i)),
          at(mark.y, step, i),
        ])
      : [],
  );
  const now = lines.flatMap((line) =>
    line.stepped
      ? []
      : Array.from({ length: count(line.x, step) }, (_, i) => [
          `${line.name} at inner step ${step}`,
          unspread(spread, at(line.x, step, i)),
          line.kind === "tick" ? "" : at(line.y, step, i),
        ]),
  );
  return [...whole, ...now];
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
        view: column.view.title,
        at: (marked) => (panel.steps && !marked ? "" : `inner step ${stage.step}`),
        layers: (plot, marked) => layers(panel, plot, marked),
        legend: (marked) => legend(panel, marked),
        rows: () => rows(panel),
        back: panel.spread === null ? undefined : (x) => unspread(panel.spread, x),
      };
    },
  });
}
