// From numbers to pixels: a panel's axes as straight-line maps, and how values are spread on them.

const LOG_FLOOR = 1e-300;

/**
 * The straight-line map of one of Plotly's axes: pixel = zero + slope * (linearised) value. Plotly rounds l2p to a
 * hundredth of a pixel, so the slope is taken over the whole axis.
 * @param {{ range: [number, number], l2p: (value: number) => number, _offset: number, _length: number }} axis
 * @returns {AxisMap}
 */
export function axisMap(axis) {
  const [low, high] = axis.range;
  const slope = (axis.l2p(high) - axis.l2p(low)) / (high - low);
  return { zero: axis._offset + axis.l2p(low) - slope * low, slope, start: axis._offset, length: axis._length };
}

/**
 * @param {AxisMap} map
 * @param {number} value linearised
 */
export const pixel = (map, value) => map.zero + map.slope * value;

/**
 * Where a value lies on a vertical axis.
 * @param {Axes} axes
 * @param {number} value
 * @param {boolean} log whether the axis is logarithmic
 */
export function height(axes, value, log) {
  const linear = log ? (value > 0 ? Math.log10(Math.max(value, LOG_FLOOR)) : NaN) : value;
  return pixel(axes.y, linear);
}

/**
 * A value as its axis shows it: asinh(value / scale) where it is spread.
 * @param {number | null} scale
 * @param {number} value
 */
export const spread = (scale, value) => (scale === null ? value : Math.asinh(value / scale));

/**
 * The value that is shown at a place of the axis.
 * @param {number | null} scale
 * @param {number} x
 */
export const unspread = (scale, x) => (scale === null ? x : scale * Math.sinh(x));
