// Clicks on figures: on a landscape that is the whole parameter space all optimizers start there; on a line over the steps it is shown that step.
import { closest } from "#shared/elements.mjs";

const FURTHEST = 5; // from the origin
const STILL = 4; // pixels the pointer may move between press and release: beyond, it is a zoom

let pressed = [0, 0];
document.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]), true);

/** @param {number} value */
const rounded = (value) => Math.min(FURTHEST, Math.max(-FURTHEST, Math.round(value * 1000) / 1000));

/**
 * @param {Plot} graph
 * @param {(px: number, py: number) => void} act takes the pixels from the corner of the figure
 */
export function onClick(graph, act) {
  graph.addEventListener("click", (event) => {
    if (closest(event, ".modebar")) return;
    if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > STILL) return;
    const { xaxis, yaxis } = graph._fullLayout;
    const box = graph.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const [x, y] = [px - xaxis._offset, py - yaxis._offset];
    if (x >= 0 && y >= 0 && x <= xaxis._length && y <= yaxis._length) act(px, py);
  });
}

/**
 * The start at a place of a landscape.
 * @param {Plot} graph
 * @param {number} px
 * @param {number} py
 */
export function startAt(graph, px, py) {
  const { xaxis, yaxis } = graph._fullLayout;
  return [rounded(xaxis.p2d(px - xaxis._offset)), rounded(yaxis.p2d(py - yaxis._offset))];
}
