// Dragging the outer-step slider: one view at a time is asked for, then the newest position, never those between.
import { noUpdate, setProps } from "#shared/dash.mjs";

const PATIENCE = 15000; // ms after which an unanswered request is given up

let optimizer = "";
let asked = -Infinity;
/** @type {number | null} */
let waiting = null;

/**
 * @param {number} position
 * @param {string} of the optimizer whose slider it is
 */
export function moved(position, of) {
  if (of === optimizer && performance.now() - asked < PATIENCE) {
    waiting = position;
    return noUpdate();
  }
  optimizer = of;
  asked = performance.now();
  waiting = null;
  return position;
}

// The server has answered, or will not: the newest position is asked for.
export function free() {
  asked = -Infinity;
  if (waiting === null) return;
  setProps("position", { data: waiting });
  asked = performance.now();
  waiting = null;
}
