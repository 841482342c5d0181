// The marks of a view's panels, made ready once: where each number lies in the bundle, so that a step costs a multiplication.
import { spread } from "#explore/axes.mjs";

/**
 * Numbers of an array: at step k the i-th lies at `base + k * byStep + i * stride`.
 * @typedef {object} Numbers
 * @property {ArrayLike<number>} data
 * @property {number} base
 * @property {number} byStep
 * @property {number} stride of the last axis that is read whole
 * @property {number[]} counts of all axes that are read whole
 * @property {boolean} grows with every step
 */
/**
 * @template T
 * @typedef {{ [K in keyof T]: K extends "x" | "y" | "shares" | "values" | "unit" | "reading" ? Numbers : T[K] }} Ready
 */
/** @typedef {Mark extends infer T ? T extends Mark ? Ready<T> : never : never} ReadyMark */
/**
 * @template {Mark["kind"]} K
 * @typedef {Extract<ReadyMark, { kind: K }>} Of
 */
/** @typedef {(Of<"line"> | Of<"tick">) & { stepped?: boolean }} Line can be lit; it may have a point for each step */
/**
 * A panel's marks, ready to be drawn.
 * @typedef {object} Panel
 * @property {ReadyMark[]} marks
 * @property {(Numbers | undefined)[]} readings of the chips
 * @property {Line[]} lines that can be lit
 * @property {Chip[]} legend
 * @property {number | null} spread
 * @property {boolean} startable
 * @property {boolean} steps whether its horizontal axis is the step
 * @property {number} last step
 */

/**
 * @param {Ref} ref
 * @param {Record<string, BundleArray>} arrays
 * @returns {Numbers}
 */
export function resolve({ array, index }, arrays) {
  const { data, shape, strides } = arrays[array];
  /** @type {Numbers} */
  const numbers = { data, base: 0, byStep: 0, stride: 0, counts: [], grows: false };
  for (const [axis, entry] of index.entries()) {
    if (typeof entry === "number") numbers.base += entry * strides[axis];
    else if (entry === "step") numbers.byStep += strides[axis];
    else {
      numbers.stride = strides[axis];
      numbers.counts.push(shape[axis]);
      numbers.grows = entry === ":step";
    }
  }
  return numbers;
}

/**
 * @param {Numbers} numbers
 * @param {number} step
 * @param {number} [i]
 */
export const at = (numbers, step, i = 0) => numbers.data[numbers.base + step * numbers.byStep + i * numbers.stride];

/**
 * How many numbers there are at a step, of those along one axis.
 * @param {Numbers} numbers
 * @param {number} step
 */
export const count = ({ counts, grows }, step) => (grows ? step + 1 : counts.length ? counts[counts.length - 1] : 1);

/** @param {Ref} ref where it is at a step @returns {Ref} where it is at all of them */
const track = ({ array, index }) => ({ array, index: index.map((entry) => (entry === "step" ? ":" : entry)) });

/** @param {number} last @returns {BundleArray} the steps themselves */
const ramp = (last) => ({ data: Float32Array.from({ length: last + 1 }, (_, k) => k), shape: [last + 1], strides: [1] });

/**
 * @param {Owner} one
 * @param {Owner} other
 */
const same = (one, other) => one.component === other.component && one.optimizer === other.optimizer;

/**
 * @param {Moving} moving
 * @param {Bundle} bundle
 * @returns {Panel}
 */
function prepare(moving, bundle) {
  const last = bundle.about.steps;
  /** @type {Record<string, BundleArray>} */
  const arrays = { ...bundle.arrays, steps: ramp(last) };
  /** @type {Record<string, BundleArray>} */
  const wide = {};
  /** @param {Ref} ref on the horizontal axis, on which values may be spread */
  const along = (ref) => {
    if (moving.spread === null) return resolve(ref, arrays);
    const { data, ...layout } = arrays[ref.array];
    wide[ref.array] ??= { ...layout, data: /** @type {any} */ (Float64Array.from(data, (g) => spread(moving.spread, g))) };
    return resolve(ref, wide);
  };
  /** @param {any} mark @returns {any} */
  const ready = (mark) => {
    const found = { ...mark };
    if (mark.x) found.x = along(mark.x);
    for (const name of ["y", "shares", "values", "unit", "reading"]) if (mark[name]) found[name] = resolve(mark[name], arrays);
    return found;
  };
  const marks = moving.marks.map(ready);
  const lines = moving.marks.flatMap((mark, i) => {
    if (mark.lights === "mark") return [marks[i]];
    if (mark.lights !== "track" || mark.kind !== "point") return [];
    return [ready({ ...mark, kind: "line", x: track(mark.x), y: track(mark.y), stepped: true })];
  });
  const readings = moving.legend.map((chip) => marks.find((mark) => mark.reading && same(mark, chip))?.reading);
  const steps = marks.some((mark) => mark.kind === "cursor");
  const { legend, startable } = moving;
  return { marks, readings, lines, legend, spread: moving.spread, startable, steps, last };
}

/**
 * The panels of a column by their names.
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @returns {Record<string, Panel>}
 */
export const prepareAll = (view, bundle) =>
  Object.fromEntries(Object.entries(view.moving).map(([name, moving]) => [name, prepare(moving, bundle)]));
