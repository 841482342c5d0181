// What is lit - a step, a component, an optimizer - in every panel of every column: finding it, and drawing it.
import { height, pixel } from "#explore/axes.mjs";
import { stroke, upright } from "#explore/drawing.mjs";
import { at, count } from "#explore/marks.mjs";

/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */
/** @typedef {import("#explore/overlay.mjs").Lit} Lit */
/** @typedef {import("#explore/marks.mjs").Panel} Panel */
/** @typedef {import("#explore/marks.mjs").Line} Line */

const NEAR = 12; // pixels

/** @type {Lit} */
export const lit = { step: null, component: null, optimizer: null };

/**
 * How far the pointer is from a line, and from which of its points.
 * @param {Line} line
 * @param {number} step
 * @param {Axes} axes
 * @param {boolean} log
 * @param {number} px
 * @param {number} py
 */
function distance(line, step, axes, log, px, py) {
  if (line.kind === "tick") return { away: Math.abs(pixel(axes.x, at(line.x, step)) - px), i: 0 };
  let [away, nearest] = [Infinity, 0];
  for (let i = 0, n = count(line.y, step); i < n; i++) {
    const found = Math.hypot(pixel(axes.x, at(line.x, step, i)) - px, height(axes, at(line.y, step, i), log) - py);
    if (found < away) [away, nearest] = [found, i];
  }
  return { away, i: nearest };
}

/**
 * What is under the pointer.
 * @param {Overlay} overlay
 * @param {Panel} panel
 * @param {number} step
 * @param {number} px
 * @param {number} py
 * @returns {Partial<Lit>}
 */
export function findAt(overlay, panel, step, px, py) {
  const axes = overlay.axes();
  const inX = px >= axes.x.start && px <= axes.x.start + axes.x.length;
  const inY = py >= axes.y.start && py <= axes.y.start + axes.y.length;
  if (!inX || !inY) return {};
  const { log } = overlay;
  let best = NEAR;
  /** @type {Partial<Lit>} */
  let found = {};
  for (const line of panel.lines) {
    const { away, i } = distance(line, step, axes, log, px, py);
    if (!(away < best)) continue;
    best = away;
    found = { step: line.stepped ? i : undefined, component: line.component, optimizer: line.optimizer };
  }
  if (panel.steps) {
    const under = Math.round((px - axes.x.zero) / axes.x.slope);
    if (under >= 0 && under <= panel.last) found.step = under;
  }
  return found;
}

/**
 * Drawn over what the panel shows at its step.
 * @param {Overlay} overlay
 * @param {Panel} panel
 * @param {number} step
 * @param {string} muted the colour of a lit step's line
 */
export function drawLit(overlay, panel, step, muted) {
  if (lit.step === null && lit.component === null && lit.optimizer === null) return;
  const context = overlay.begin(overlay.over, true);
  if (!context) return;
  const axes = overlay.axes();
  const { log } = overlay;
  context.lineJoin = "round";
  context.lineWidth = 4.5;
  context.globalAlpha = 0.75;
  for (const line of panel.lines) {
    const ofComponent = lit.component !== null && line.component === lit.component;
    const ofOptimizer = lit.optimizer !== null && line.optimizer === lit.optimizer;
    if (ofComponent || ofOptimizer) stroke(context, axes, log, line, step);
  }
  context.globalAlpha = 1;
  if (lit.step !== null && lit.step <= panel.last) drawLitStep(context, axes, log, panel, lit.step, muted);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Axes} axes
 * @param {boolean} log
 * @param {Panel} panel
 * @param {number} step
 * @param {string} muted
 */
function drawLitStep(context, axes, log, panel, step, muted) {
  if (panel.steps) {
    context.strokeStyle = muted;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    upright(context, axes, pixel(axes.x, step));
    context.setLineDash([]);
  }
  for (const line of panel.lines) {
    if (lit.component !== null && line.component !== undefined && line.component !== lit.component) continue;
    if (line.stepped && line.kind === "line") {
      const x = pixel(axes.x, at(line.x, step, step));
      const y = height(axes, at(line.y, step, step), log);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      context.strokeStyle = line.color;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 7, 0, 2 * Math.PI);
      context.stroke();
    } else {
      context.lineWidth = 1.5;
      context.setLineDash([4, 3]);
      stroke(context, axes, log, line, step);
      context.setLineDash([]);
    }
  }
}
