// Draws the marks of a panel at a step, on its canvases or into SVG. Nothing here touches Plotly or the server.
import { height, pixel } from "#explore/axes.mjs";
import { drawBoundary, drawField } from "#explore/field.mjs";
import { at, count } from "#explore/marks.mjs";
import { fixedWidth } from "#shared/numbers.mjs";

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {import("#explore/marks.mjs").Panel} Panel */
/** @typedef {import("#explore/marks.mjs").Line} Line */
/** @typedef {import("#explore/marks.mjs").ReadyMark} ReadyMark */
/**
 * @template {Mark["kind"]} K
 * @typedef {import("#explore/marks.mjs").Of<K>} Of
 */
/**
 * What is drawn on: a panel's overlay, or a pen that writes SVG.
 * @typedef {Pick<import("#explore/overlay.mjs").Overlay, "under" | "over" | "begin" | "axes" | "log" | "say">} Surface
 */

const FAR = 1e6; // pixels: what lies beyond is a gap

/**
 * A line or a tick as a path, in its own colour.
 * @param {Context} context
 * @param {Axes} axes
 * @param {boolean} log
 * @param {Line} line
 * @param {number} step
 */
export function stroke(context, axes, log, line, step) {
  context.beginPath();
  if (line.kind === "tick") {
    const x = pixel(axes.x, at(line.x, step));
    if (!Number.isFinite(x)) return;
    context.moveTo(x, axes.y.zero);
    context.lineTo(x, axes.y.zero - line.height * axes.y.length);
  } else {
    let pen = false;
    const { x: xs, y: ys } = line;
    const [x0, y0] = [xs.base + step * xs.byStep, ys.base + step * ys.byStep];
    for (let i = 0, n = count(ys, step); i < n; i++) {
      const x = axes.x.zero + axes.x.slope * xs.data[x0 + i * xs.stride];
      const value = ys.data[y0 + i * ys.stride];
      const y = log ? height(axes, value, true) : axes.y.zero + axes.y.slope * value;
      if (!(Math.abs(x) < FAR && Math.abs(y) < FAR)) pen = false;
      else if (pen) context.lineTo(x, y);
      else {
        context.moveTo(x, y);
        pen = true;
      }
    }
  }
  context.strokeStyle = line.color;
  context.stroke();
}

/** @type {(context: Context, axes: Axes, log: boolean, mark: Of<"line"> | Of<"tick">, step: number) => void} */
function drawLine(context, axes, log, mark, step) {
  context.lineWidth = mark.width;
  context.lineJoin = "round";
  context.globalAlpha = mark.kind === "line" ? mark.opacity : 1;
  stroke(context, axes, log, mark, step);
  context.globalAlpha = 1;
}

/** @type {(context: Context, axes: Axes, log: boolean, mark: Of<"point">, step: number) => void} */
function drawPoint(context, axes, log, mark, step) {
  const x = pixel(axes.x, at(mark.x, step));
  const y = height(axes, at(mark.y, step), log);
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  context.beginPath();
  context.arc(x, y, mark.radius, 0, 2 * Math.PI);
  context.fillStyle = mark.color;
  context.fill();
  context.lineWidth = mark.edge;
  context.strokeStyle = mark.ring;
  context.stroke();
}

/**
 * A vertical line through the whole panel.
 * @param {Context} context
 * @param {Axes} axes
 * @param {number} x
 */
export function upright(context, axes, x) {
  context.beginPath();
  context.moveTo(x, axes.y.start);
  context.lineTo(x, axes.y.start + axes.y.length);
  context.stroke();
}

/** @type {(context: Context, axes: Axes, log: boolean, mark: Of<"cursor">, step: number) => void} */
function drawCursor(context, axes, _log, mark, step) {
  context.strokeStyle = mark.color;
  context.lineWidth = mark.width;
  context.globalAlpha = mark.opacity;
  upright(context, axes, pixel(axes.x, at(mark.x, step)));
  context.globalAlpha = 1;
}

/** @type {(context: Context, axes: Axes, log: boolean, mark: Of<"band">, step: number) => void} */
function drawBand(context, axes, _log, mark, step) {
  const floor = axes.y.zero;
  context.beginPath();
  let from = at(mark.x, step);
  context.moveTo(pixel(axes.x, from), floor);
  for (let i = 0, n = count(mark.shares, step); i < n; i++) {
    const to = at(mark.x, step, i + 1);
    const y = pixel(axes.y, at(mark.shares, step, i) / (to - from));
    context.lineTo(pixel(axes.x, from), y);
    context.lineTo(pixel(axes.x, to), y);
    from = to;
  }
  context.lineTo(pixel(axes.x, from), floor);
  context.fillStyle = mark.color;
  context.fill();
}

/** @type {Record<string, (context: Context, axes: Axes, log: boolean, mark: any, step: number) => void>} */
const DRAW = {
  line: drawLine,
  tick: drawLine,
  point: drawPoint,
  cursor: drawCursor,
  band: drawBand,
  boundary: (context, axes, _log, mark, step) => drawBoundary(context, axes, mark, step),
};

/**
 * A panel at a step, and what its chips say.
 * @param {Surface} surface
 * @param {Panel} panel
 * @param {number} step
 */
export function drawMarks(surface, panel, step) {
  const field = panel.marks.find((mark) => mark.kind === "field");
  const below = field && surface.begin(surface.under);
  if (field && below) {
    drawField(below, surface.axes(), field, step);
    below.restore();
  } else if (!field && surface.under.width > 1) surface.under.width = surface.under.height = 1; // of another view
  const context = surface.begin(surface.over);
  if (!context) return;
  const axes = surface.axes();
  const log = surface.log;
  for (const mark of panel.marks) DRAW[mark.kind]?.(context, axes, log, mark, step);
  context.restore();
  panel.readings.forEach((reading, i) => {
    if (reading) surface.say(i, fixedWidth(at(reading, step)));
  });
}
