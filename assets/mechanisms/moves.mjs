// What moves in the figures of each mechanism: pure functions of the arrays that the server sent and of two positions.
import { short } from "#shared/numbers.mjs";

export const LAST = 1000; // position of the slider's end

/** @typedef {{ x: ArrayLike<number>, y: ArrayLike<number>, z?: ArrayLike<number> }} Data of a trace */
/** @typedef {Record<string, Record<string, Data>>} Changes by figure and name of the trace */
/** @typedef {{ position: number, mode: number }} Place of the slider, and which mode is chosen */

/**
 * @param {number[]} values
 * @param {number} scale
 */
const spread = (values, scale) => values.map((g) => Math.asinh(g / scale));

/**
 * @param {number[]} low
 * @param {number[]} high
 * @param {number} share
 */
const between = (low, high, share) => low.map((value, i) => value + share * (high[i] - value));

const number = (/** @type {number | null} */ value) => short(value, "not finite");

/** @type {Record<string, (side: any, place: Place) => [Changes, string]>} what is drawn, and what the readout says */
export const MOVES = {
  momentum(side, { position, mode: chosen }) {
    if (!side.modes) return [{}, "it has no mode"];
    const mode = Math.min(chosen, side.modes) - 1;
    const count = side.shifts.length;
    const at = (position / LAST) * (count - 1);
    const low = Math.min(Math.floor(at), count - 2);
    const curves = side.updates[mode];
    const x = spread(side.gradients, side.scale);
    /** @type {Record<string, Data>} */
    const update = { moving: { x, y: between(curves[low], curves[low + 1], at - low) } };
    for (let i = 0; i < 5; i += 1) update[`fan ${i}`] = { x, y: curves[Math.round((i / 4) * (count - 1))] };
    const [from, to] = side.directions[mode];
    const here = between(from, to, position / LAST);
    const value = side.eigenvalues[mode];
    const size = Math.hypot(...value);
    const share = Math.round((200 * position) / LAST - 100);
    return [
      {
        update,
        state: {
          lit: { x: [from[0], to[0]], y: [from[1], to[1]] },
          moving: { x: [here[0]], y: [here[1]] },
        },
        eigenvalues: { lit: { x: [value[0]], y: [value[1]] } },
        modes: { lit: { x: [Math.hypot(...side.rates[mode])], y: [size] } },
      },
      `mode ${mode + 1}, |λ| = ${size.toFixed(4)}, ${share} % of the range met`.replace("-", "−"),
    ];
  },

  clipping(side, { position }) {
    const largest = side.gradients[side.gradients.length - 1];
    const low = Math.log(side.sizes[0]);
    const size = Math.exp(low + (position / LAST) * (Math.log(largest) - low));
    const slope = side.slope_at_zero[side.slope_at_zero.length - 1];
    const clipped = side.gradients.map((/** @type {number} */ g) => -slope * Math.max(-size, Math.min(size, g)));
    return [
      {
        update: { moving: { x: spread(side.gradients, side.scale), y: clipped } },
        slope: { moving: { x: [side.sizes[0], size, size, largest], y: [1, 1, 0, 0] } },
      },
      `|g| = ${number(size)}`,
    ];
  },

  schedule(side, { position }) {
    const step = Math.round((position / LAST) * (side.rates.length - 1));
    return [
      {
        ...(side.path && { path: { lit: { x: [side.path[step][0]], y: [side.path[step][1]] } } }),
        rate: { lit: { x: [step], y: [side.rates[step]] } },
        update: { moving: { x: spread(side.gradients, side.scale), y: side.updates[step] } },
      },
      `step ${step}, rate ${number(side.rates[step])}`,
    ];
  },

  adaptation(side, { position }) {
    if (!side.g) return [{}, "no curve"];
    const point = Math.round((position / LAST) * (side.chosen.length - 1));
    const index = side.chosen[point];
    const g = side.g[index];
    const x = Math.asinh(g / side.scale);
    const [first, second] = side.curve[index];
    const inside = side.gradients.findIndex((/** @type {number} */ value) => value >= g);
    const shown = g >= side.gradients[0] && inside >= 0;
    return [
      {
        curve: { lit: { x: [x], y: [first] } },
        space: { lit: { x: [x], y: [first], z: [second] } },
        update: {
          moving: { x: spread(side.gradients, side.scale), y: side.updates[point] },
          lit: shown ? { x: [x], y: [side.updates[point][inside]] } : { x: [], y: [] },
        },
        rate: { lit: { x: [Math.abs(g)], y: [side.rates[index]] } },
      },
      `g = ${number(g)}, rate ${number(side.rates[index])}`,
    ];
  },

  ablations: () => [{}, ""],
};
