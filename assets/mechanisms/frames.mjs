// What moves in the figures of a mechanism: the server computes every frame, here the one to show is picked.

export const LAST = 1000; // position of the slider's end

/** @typedef {{ values: any[], over: ("mode" | "position")[], smooth: boolean }} Along one coordinate: its leading axes, and whether to interpolate */
/** @typedef {{ x: Along, y: Along, z?: Along }} Moving a trace that moves */
/** @typedef {{ figures: Record<string, Record<string, Moving>>, texts: { mode: string[], position: string[] } }} Frames by figure and trace */
/** @typedef {{ position: number, mode: number }} Place of the slider, and which mode is chosen (1 is the first) */
/** @typedef {{ x: number[], y: number[], z?: number[] }} Data of a trace */

/**
 * Where a position of the slider lies among a number of knots.
 * @param {number} position
 * @param {number} knots
 */
const placeOf = (position, knots) => (position / LAST) * (knots - 1);

/**
 * @param {number[]} low
 * @param {number[]} high
 * @param {number} share
 */
const between = (low, high, share) => low.map((value, i) => value + share * (high[i] - value));

/**
 * The points of a coordinate.
 * @param {Along} along
 * @param {Place} place
 * @returns {number[]}
 */
export function at(along, { position, mode }) {
  let values = along.values;
  for (const axis of along.over) {
    if (axis === "mode") {
      values = values[Math.min(mode, values.length) - 1];
      continue;
    }
    const place = placeOf(position, values.length);
    const low = Math.min(Math.floor(place), Math.max(values.length - 2, 0));
    values = along.smooth && values.length > 1
      ? between(values[low], values[low + 1], place - low)
      : values[Math.floor(place + 0.5)];
  }
  return values;
}

/**
 * The data of every trace that moves, by figure.
 * @param {Frames} frames
 * @param {Place} place
 * @returns {Record<string, Record<string, Data>>}
 */
export function pick(frames, place) {
  const ofTrace = (/** @type {Moving} */ moving) => ({
    x: at(moving.x, place),
    y: at(moving.y, place),
    ...(moving.z && { z: at(moving.z, place) }),
  });
  const ofFigure = (/** @type {Record<string, Moving>} */ traces) =>
    Object.fromEntries(Object.entries(traces).map(([name, moving]) => [name, ofTrace(moving)]));
  return Object.fromEntries(Object.entries(frames.figures).map(([name, traces]) => [name, ofFigure(traces)]));
}

/**
 * What the slider's position means, in words.
 * @param {Frames} frames
 * @param {Place} place
 */
export function reading({ texts }, { position, mode }) {
  const parts = texts.mode.length ? [texts.mode[Math.min(mode, texts.mode.length) - 1]] : [];
  if (texts.position.length) parts.push(texts.position[Math.floor(placeOf(position, texts.position.length) + 0.5)]);
  return parts.join(", ");
}

/**
 * What pointing at a mark chooses: a mode, or the position of a knot; null if there is no such mode.
 * @param {Frames} frames
 * @param {string} axis
 * @param {number} index of the mark
 * @returns {Partial<Place> | null}
 */
export function chosenBy({ texts }, axis, index) {
  if (axis === "mode") return index < texts.mode.length ? { mode: index + 1 } : null;
  if (axis === "position") return { position: Math.round((LAST * index) / Math.max(1, texts.position.length - 1)) };
  return null;
}
