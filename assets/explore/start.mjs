// A click on a landscape that is the whole parameter space starts all optimizers there.
import { closest } from "#shared/elements.mjs";

const FURTHEST = 5; // from the origin
const STILL = 4; // pixels the pointer may move between press and release: beyond, it is a zoom

let pressed = [0, 0];
document.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]), true);

/** @param {number} value */
const rounded = (value) => Math.min(FURTHEST, Math.max(-FURTHEST, Math.round(value * 1000) / 1000));

/**
 * @param {Plot} graph
 * @param {(x: number, y: number) => void} start
 */
export function startOnClick(graph, start) {
  graph.addEventListener("click", (event) => {
    if (closest(event, ".modebar")) return;
    if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > STILL) return;
    const { xaxis, yaxis } = graph._fullLayout;
    const box = graph.getBoundingClientRect();
    const px = event.clientX - box.left - xaxis._offset;
    const py = event.clientY - box.top - yaxis._offset;
    if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) return;
    start(rounded(xaxis.p2d(px)), rounded(yaxis.p2d(py)));
  });
}
