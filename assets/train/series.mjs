// Long series as few points, and axes around them.
import { isFinite } from "#shared/numbers.mjs";

const MOST = 4000; // points drawn as they are; of more, the least and the largest of each stretch
const MEDIANS = 1500;
const CEILING = 10;
const LEAST = 1e-12;

/** @typedef {(number | null)[]} Losses of outer step i + 1; null where not finite */

/**
 * @param {Losses} losses
 * @returns {{ x: number[], y: Losses }}
 */
export function thinned(losses) {
  if (losses.length <= MOST) return { x: losses.map((_, i) => i + 1), y: losses };
  const every = Math.ceil(losses.length / (MOST / 2));
  const x = [];
  const y = [];
  for (let from = 0; from < losses.length; from += every) {
    let [low, high] = [-1, -1];
    for (let i = from; i < Math.min(from + every, losses.length); i += 1) {
      const loss = losses[i];
      if (!isFinite(loss)) continue;
      if (low < 0 || loss < /** @type {number} */ (losses[low])) low = i;
      if (high < 0 || loss > /** @type {number} */ (losses[high])) high = i;
    }
    const kept = low < 0 ? [from] : low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
    for (const i of kept) {
      x.push(i + 1);
      y.push(losses[i]);
    }
  }
  return { x, y };
}

/**
 * The upper median of what is finite.
 * @param {Losses} values
 * @returns {number | null} null if nothing is
 */
export function median(values) {
  const known = values.filter(isFinite).sort((a, b) => a - b);
  return known.length ? known[known.length >> 1] : null;
}

/**
 * Medians over windows that grow with the series.
 * @param {Losses} losses
 * @returns {{ x: number[], y: Losses }}
 */
export function runningMedian(losses) {
  const half = Math.floor(Math.min(100, Math.max(2, losses.length / 80)));
  const every = Math.max(1, Math.ceil(losses.length / MEDIANS));
  const x = [];
  const y = [];
  for (let i = 0; i < losses.length; i += every) {
    x.push(i + 1);
    y.push(median(losses.slice(Math.max(0, i - half), i + half + 1)));
  }
  return { x, y };
}

/** @param {number} value */
function tickText(value) {
  const power = Math.floor(Math.log10(value) + 1e-9);
  if (Math.abs(power) <= 3) return String(Number(value.toPrecision(3)));
  return `10<sup>${power}</sup>`.replace("-", "−");
}

/**
 * A log axis around some values, with ticks that can be read.
 * @param {Losses} values
 */
export function logAxis(values) {
  const kept = /** @type {number[]} */ (values.filter((value) => isFinite(value) && value > 0));
  const low = kept.length ? Math.log10(Math.max(LEAST, kept.reduce((a, b) => Math.min(a, b)))) : -2;
  const high = kept.length ? Math.log10(Math.min(CEILING, kept.reduce((a, b) => Math.max(a, b)))) : 0;
  const margin = 0.05 * Math.max(high - low, 0.2);
  const range = [Math.min(low, high) - margin, high + margin];
  const every = Math.max(1, Math.round((range[1] - range[0]) / 6));
  const factors = range[1] - range[0] < 2.2 ? [1, 2, 5] : [1];
  const tickvals = [];
  for (let power = Math.floor(range[0]); power <= Math.ceil(range[1]); power += 1) {
    if (power % every === 0) tickvals.push(...factors.map((factor) => factor * 10 ** power));
  }
  return { range, tickvals, ticktext: tickvals.map(tickText) };
}
