// What is lit - a step, a component, an optimizer - in every panel of every column: finding it, and drawing it.
import { height, pixel, spread } from "#explore/axes.mjs";

/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */
/** @typedef {import("#explore/overlay.mjs").Lit} Lit */
/**
 * A line of a panel: whose it is, and where its points are (in values of the axes).
 * @typedef {object} Line
 * @property {number} [component]
 * @property {string} [optimizer]
 * @property {string} color
 * @property {number} count
 * @property {(i: number) => number} x
 * @property {(i: number) => number} y
 * @property {boolean} [stepped] it has a point for each inner step
 * @property {boolean} [tick] it stands on the floor of its panel
 */

const NEAR = 12; // pixels
const STEPPED_AXES = ["loss", "rate"]; // panels whose horizontal axis is the inner step

/** @type {Lit} */
export const lit = { step: null, component: null, optimizer: null };

/**
 * @param {BundleArray} array
 * @param {number} index
 */
const row = (array, index) => array.data.subarray(index * array.strides[0], (index + 1) * array.strides[0]);

/**
 * @param {ArrayLike<number>} values one for each inner step
 * @param {string} color
 */
const series = (values, color) => ({
  color,
  stepped: true,
  count: values.length,
  x: (/** @type {number} */ i) => i,
  y: (/** @type {number} */ i) => values[i],
});

/**
 * @param {ArrayLike<number>} values a pair for each inner step
 * @param {string} color
 */
const path = (values, color) => ({
  color,
  stepped: true,
  count: values.length / 2,
  x: (/** @type {number} */ i) => values[2 * i],
  y: (/** @type {number} */ i) => values[2 * i + 1],
});

/** @type {Record<string, (view: ColumnView, bundle: Bundle, step: number) => Line[]>} */
const LINES = {
  loss: (view, { arrays }) =>
    view.optimizers.map((one) => ({ optimizer: one.color, ...series(row(arrays.losses, one.row), one.color) })),
  rate: (view, { arrays }) =>
    view.components.map((one) => ({ component: one.index, ...series(row(arrays.rate, one.index), one.color) })),
  landscape: (view, { about, arrays }) =>
    about.landscape !== "plane"
      ? []
      : view.optimizers.map((one) => ({ optimizer: one.color, ...path(row(arrays.paths, one.row), one.color) })),
  state: (view, { arrays }) =>
    view.components.map((one) => ({ component: one.index, ...path(row(arrays.state, one.index), one.color) })),
  update: (view, { arrays }, step) => {
    const { update, gradient_grid: grid } = arrays;
    return view.components.map((one) => {
      const start = one.index * update.strides[0] + step * update.strides[1];
      const x = (/** @type {number} */ i) => spread(view, grid.data[i]);
      const y = (/** @type {number} */ i) => update.data[start + i];
      return { component: one.index, color: one.color, count: grid.data.length, x, y };
    });
  },
  gradient: (view, { arrays }, step) =>
    view.components.map((one) => {
      const g = spread(view, row(arrays.gradient, one.index)[step]);
      return { component: one.index, color: one.color, count: 2, x: () => g, y: (i) => i, tick: true };
    }),
};

/**
 * The lines of a panel at a step, with the names of whose they are.
 * @param {string} name
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 */
export const linesOf = (name, view, bundle, step) =>
  LINES[name](view, bundle, step).map((line) => {
    const owner =
      view.components.find((one) => one.index === line.component) ?? view.optimizers.find((one) => one.color === line.optimizer);
    return { ...line, name: owner?.name ?? "" };
  });

/**
 * A line's point in pixels; ticks stand on the floor of their panel.
 * @param {Line} line
 * @param {number} i
 * @param {Axes} axes
 * @param {boolean} log
 */
function place(line, i, axes, log) {
  const x = pixel(axes.x, line.x(i));
  if (line.tick) return [x, axes.y.zero - (i ? 0.16 * axes.y.length : 0)];
  return [x, height(axes, line.y(i), log)];
}

/**
 * What is under the pointer.
 * @param {Overlay} overlay
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 * @param {number} px
 * @param {number} py
 * @returns {Partial<Lit>}
 */
export function findAt(overlay, view, bundle, step, px, py) {
  const axes = overlay.axes();
  const inX = px >= axes.x.start && px <= axes.x.start + axes.x.length;
  const inY = py >= axes.y.start && py <= axes.y.start + axes.y.length;
  if (!inX || !inY) return {};
  let best = NEAR;
  /** @type {Partial<Lit>} */
  let found = {};
  for (const line of LINES[overlay.name](view, bundle, step)) {
    for (let i = 0; i < line.count; i++) {
      const [x, y] = place(line, i, axes, overlay.log);
      const away = line.tick ? Math.abs(x - px) : Math.hypot(x - px, y - py);
      if (!(away < best)) continue;
      best = away;
      found = { step: line.stepped ? i : undefined, component: line.component, optimizer: line.optimizer };
    }
  }
  if (STEPPED_AXES.includes(overlay.name)) {
    const at = Math.round((px - axes.x.zero) / axes.x.slope);
    if (at >= 0 && at <= bundle.about.steps) found.step = at;
  }
  return found;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Axes} axes
 * @param {boolean} log
 */
function stroke(context, line, axes, log) {
  context.beginPath();
  let pen = false;
  for (let i = 0; i < line.count; i++) {
    const [x, y] = place(line, i, axes, log);
    if (!(Math.abs(x) < 1e5 && Math.abs(y) < 1e5)) pen = false;
    else if (pen) context.lineTo(x, y);
    else {
      context.moveTo(x, y);
      pen = true;
    }
  }
  context.stroke();
}

/**
 * Drawn over what the panel shows at its step.
 * @param {Overlay} overlay
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 */
export function drawLit(overlay, view, bundle, step) {
  if (lit.step === null && lit.component === null && lit.optimizer === null) return;
  const context = overlay.begin(overlay.over, true);
  if (!context) return;
  const axes = overlay.axes();
  const log = overlay.log;
  context.lineJoin = "round";
  for (const line of LINES[overlay.name](view, bundle, step)) {
    const ofComponent = lit.component !== null && line.component === lit.component;
    const ofOptimizer = lit.optimizer !== null && line.optimizer === lit.optimizer;
    if (!ofComponent && !ofOptimizer) continue;
    context.strokeStyle = line.color;
    context.lineWidth = 4.5;
    context.globalAlpha = 0.75;
    stroke(context, line, axes, log);
  }
  context.globalAlpha = 1;
  if (lit.step !== null && lit.step <= bundle.about.steps) drawLitStep(context, overlay, axes, view, bundle, lit.step);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Overlay} overlay
 * @param {Axes} axes
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 */
function drawLitStep(context, overlay, axes, view, bundle, step) {
  if (STEPPED_AXES.includes(overlay.name)) {
    const x = pixel(axes.x, step);
    context.strokeStyle = view.colors.muted;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, axes.y.start);
    context.lineTo(x, axes.y.start + axes.y.length);
    context.stroke();
    context.setLineDash([]);
  }
  for (const line of LINES[overlay.name](view, bundle, step)) {
    if (lit.component !== null && line.component !== undefined && line.component !== lit.component) continue;
    context.strokeStyle = line.color;
    if (line.stepped) {
      const [x, y] = place(line, step, axes, overlay.log);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 7, 0, 2 * Math.PI);
      context.stroke();
    } else {
      context.lineWidth = 1.5;
      context.setLineDash([4, 3]);
      stroke(context, line, axes, overlay.log);
      context.setLineDash([]);
    }
  }
}
