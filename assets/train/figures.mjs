// The figures of one run: what the server drew without data is filled with what is known of the run.
import { logAxis, runningMedian, thinned } from "#train/series.mjs";
import { isFinite, plusMinus } from "#shared/numbers.mjs";
import { titles } from "#shared/tables.mjs";

/** @typedef {import("#train/book.mjs").Book} Book */
/** @typedef {import("#train/book.mjs").Curve} Curve */
/** @typedef {{ data: any[], layout: any }} Figure */

export const FIGURES = ["outer", "curve"];

/**
 * @param {Figure} frame
 * @param {Record<string, object>} data by what a trace is of
 * @param {object} x what is different about the axes
 * @param {object} y
 * @returns {Figure}
 */
function fill({ data: traces, layout }, data, x, y) {
  return {
    data: traces.map((trace) => ({ ...trace, x: [], y: [], ...data[trace.meta] })),
    layout: { ...layout, xaxis: { ...layout.xaxis, ...x }, yaxis: { ...layout.yaxis, ...y } },
  };
}

/**
 * @param {Book} book
 * @param {Figure} frame
 */
function outer(book, frame) {
  const found = book.inOrder();
  const last = Math.max(10, book.count());
  const levels = Object.entries(book.levels ?? {});
  const [points, middle] = [thinned(book.losses), runningMedian(book.losses)];
  const heldOut = found.map((one) => one.meta_loss);
  const data = {
    "each outer step": points,
    "running median": middle,
    "held out": {
      x: found.map((one) => one.outer_step),
      y: heldOut,
      error_y: { type: "data", array: found.map((one) => one.sem), thickness: 1, width: 0 },
    },
    ...Object.fromEntries(levels.map(([name, { meta_loss }]) => [name, { x: [0, last], y: [meta_loss, meta_loss] }])),
  };
  const values = [...middle.y, ...heldOut, ...levels.map(([, one]) => one.meta_loss), ...points.y];
  return fill(frame, data, { range: [0, last] }, logAxis(values));
}

/**
 * @param {Book} book
 * @param {Figure} frame
 */
function curve(book, frame) {
  const newest = book.newest();
  /** @type {[string, Curve][]} */
  const curves = Object.entries(book.levels ?? {}).map(([name, one]) => [name, one.curve]);
  if (newest) curves.push(["learned", newest.curve]);
  const data = Object.fromEntries(curves.map(([name, one]) => [name, { x: one.inner_step, y: one.relative_loss }]));
  const last = newest?.curve.inner_step.at(-1) ?? 10;
  return fill(frame, data, { range: [0, last] }, logAxis(curves.flatMap(([, one]) => one.relative_loss)));
}

/**
 * A figure with all that is known of a run.
 * @param {string} name
 * @param {Book} book
 * @param {Record<string, Figure>} frames
 */
export const compose = (name, book, frames) => (name === "outer" ? outer : curve)(book, frames[name]);

/**
 * The score of an evaluation in words.
 * @param {import("#train/book.mjs").Evaluation} found
 */
export const heldOut = ({ meta_loss, sem, diverged, problems }) =>
  isFinite(meta_loss) ? plusMinus(meta_loss, sem) : `diverges on ${diverged} of ${problems} problems`;

/**
 * What stands below the curve.
 * @param {Book} book
 * @param {any} job
 */
export function caption(book, job) {
  const newest = book.newest();
  const baselines = Object.entries(book.levels ?? {}).flatMap(([name, { meta_loss, sem }]) =>
    isFinite(meta_loss) ? [{ name, meta_loss, sem }] : [],
  );
  const said = [];
  if (newest && baselines.length) {
    const best = baselines.reduce((a, b) => (a.meta_loss <= b.meta_loss ? a : b));
    const mine = newest.meta_loss;
    const [title, level] = [titles[best.name] ?? best.name, plusMinus(best.meta_loss, best.sem)];
    said.push(
      isFinite(mine)
        ? `Held out: ${heldOut(newest)}, ${mine < best.meta_loss ? "below" : "above"} the best tuned baseline, ${title}, at ${level}.`
        : `Held out: ${heldOut(newest)}; the best tuned baseline, ${title}, is at ${level}.`,
    );
  }
  const { truncation, unroll } = job?.settings ?? {};
  said.push(
    truncation && truncation < unroll
      ? `Thin line: training, over windows of ${truncation} steps. Only the held-out dots, over whole unrolls, are comparable with the lines.`
      : "Thin line: training, on new problems in each outer step. Dots: held-out problems, the same for all lines.",
  );
  return said.join(" ");
}
