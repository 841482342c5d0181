// What moves in each panel: pure drawing of (bundle, view, step). Nothing here touches Plotly or the server.
import { height, pixel, spread } from "#explore/axes.mjs";
import { drawField } from "#explore/field.mjs";
import { fixedWidth } from "#shared/numbers.mjs";

/** @typedef {import("#explore/overlay.mjs").LegendEntry} LegendEntry */
/** @typedef {CanvasRenderingContext2D} Context */
/**
 * What is drawn on: a panel's overlay, or a pen that writes SVG.
 * @typedef {Pick<import("#explore/overlay.mjs").Overlay, "name" | "under" | "over" | "begin" | "axes" | "log" | "say">} Surface
 */
/**
 * @typedef {object} Panel
 * @property {(view: ColumnView, bundle: Bundle) => LegendEntry[]} legend
 * @property {(surface: Surface, view: ColumnView, bundle: Bundle, step: number) => void} draw
 */

/**
 * @param {Context} context
 * @param {Axes} axes
 * @param {number} step
 * @param {string} color
 */
function cursor(context, axes, step, color) {
  const x = pixel(axes.x, step);
  context.strokeStyle = color;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, axes.y.start);
  context.lineTo(x, axes.y.start + axes.y.length);
  context.stroke();
  context.globalAlpha = 1;
}

/**
 * @param {Context} context
 * @param {number} x
 * @param {number} y
 * @param {string} color
 * @param {string} ring
 * @param {number} radius
 */
function dot(context, x, y, color, ring, radius) {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = ring;
  context.stroke();
}

/**
 * The part of a path walked so far; gaps where it is not finite.
 * @param {Context} context
 * @param {Axes} axes
 * @param {ArrayLike<number>} data (a, b) pairs from `start`
 * @param {number} start
 * @param {number} steps
 * @param {string} color
 * @param {number} width
 */
function trail(context, axes, data, start, steps, color, width) {
  context.beginPath();
  let pen = false;
  for (let k = 0; k <= steps; k++) {
    const x = axes.x.zero + axes.x.slope * data[start + 2 * k];
    const y = axes.y.zero + axes.y.slope * data[start + 2 * k + 1];
    if (!(Math.abs(x) < 1e5 && Math.abs(y) < 1e5)) pen = false;
    else if (pen) context.lineTo(x, y);
    else {
      context.moveTo(x, y);
      pen = true;
    }
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
}

/**
 * Side by side, the heads of the columns name the optimizers: here their colours do.
 * @param {ColumnView} view
 * @returns {LegendEntry[]}
 */
const optimizers = (view) =>
  view.optimizers.map((o) => ({ color: o.color, name: o.column ? "" : o.title, title: o.title, optimizer: o.color }));

/**
 * @param {ColumnView} view
 * @returns {LegendEntry[]}
 */
const components = (view) => view.components.map((c) => ({ color: c.color, name: c.name, component: c.index }));

/** @type {Panel} */
const loss = {
  legend: optimizers,
  draw(surface, view, bundle, step) {
    const context = surface.begin(surface.over);
    if (!context) return;
    const axes = surface.axes();
    const log = surface.log;
    const { data, strides } = bundle.arrays.losses;
    cursor(context, axes, step, view.colors.text);
    const x = pixel(axes.x, step);
    for (let i = view.optimizers.length - 1; i >= 0; i--) {
      const optimizer = view.optimizers[i];
      const value = data[optimizer.row * strides[0] + step];
      dot(context, x, height(axes, value, log), optimizer.color, view.colors.surface, i === 0 ? 5 : 4);
      surface.say(i, fixedWidth(value));
    }
    context.restore();
  },
};

/** @type {Panel} */
const landscape = {
  legend: optimizers,
  draw(surface, view, bundle, step) {
    if (bundle.about.landscape === "plane") drawPaths(surface, view, bundle, step);
    if (bundle.about.landscape === "field") drawField(surface, view, bundle, step);
  },
};

/**
 * @param {Surface} surface
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 */
function drawPaths(surface, view, bundle, step) {
  const under = surface.under;
  if (under.width > 1) under.width = under.height = 1; // left over from a classifier
  const context = surface.begin(surface.over);
  if (!context) return;
  const axes = surface.axes();
  const { data, strides } = bundle.arrays.paths;
  for (let i = view.optimizers.length - 1; i >= 0; i--) {
    const optimizer = view.optimizers[i];
    const start = optimizer.row * strides[0];
    trail(context, axes, data, start, step, optimizer.color, i === 0 ? 2.6 : 2);
    const x = pixel(axes.x, data[start + 2 * step]);
    const y = pixel(axes.y, data[start + 2 * step + 1]);
    dot(context, x, y, optimizer.color, view.colors.surface, i === 0 ? 5.5 : 4.5);
  }
  context.restore();
}

/** @type {Panel} */
const state = {
  legend: (view, bundle) => {
    const point = bundle.about.fixed_point;
    const star = point && { sign: point.converged ? "★" : "☆", name: point.converged ? "fixed point" : "slowest point found" };
    return [...components(view), ...(star ? [star] : [])];
  },
  draw(surface, view, bundle, step) {
    const context = surface.begin(surface.over);
    if (!context) return;
    const axes = surface.axes();
    const { data, strides } = bundle.arrays.state;
    for (const component of view.components) {
      const start = component.index * strides[0];
      trail(context, axes, data, start, step, component.color, 2);
    }
    for (const component of view.components) {
      const start = component.index * strides[0] + 2 * step;
      const [x, y] = [pixel(axes.x, data[start]), pixel(axes.y, data[start + 1])];
      dot(context, x, y, component.color, view.colors.surface, 5);
    }
    context.restore();
  },
};

/** @type {WeakMap<ColumnView, Float64Array>} */
const spreads = new WeakMap();

/**
 * Where the gradients of a view's grid lie on their axis.
 * @param {ColumnView} view
 * @param {ArrayLike<number>} gradients
 */
function positionsOf(view, gradients) {
  const known = spreads.get(view);
  if (known) return known;
  const positions = Float64Array.from(gradients, (g) => spread(view, g));
  spreads.set(view, positions);
  return positions;
}

/** @type {Panel} */
const update = {
  legend: (view) => [...components(view), ...(view.sgd ? [{ color: view.sgd, name: "SGD, tuned", dashed: true }] : [])],
  draw(surface, view, bundle, step) {
    const context = surface.begin(surface.over);
    if (!context) return;
    const axes = surface.axes();
    const { update, gradient, applied, gradient_grid: grid } = bundle.arrays;
    const positions = positionsOf(view, grid.data);
    for (const component of view.components) {
      const start = component.index * update.strides[0] + step * update.strides[1];
      context.beginPath();
      let pen = false;
      for (let i = 0; i < positions.length; i++) {
        const x = axes.x.zero + axes.x.slope * positions[i];
        const y = axes.y.zero + axes.y.slope * update.data[start + i];
        if (!(Math.abs(y) < 1e6)) pen = false;
        else if (pen) context.lineTo(x, y);
        else {
          context.moveTo(x, y);
          pen = true;
        }
      }
      context.strokeStyle = component.color;
      context.lineWidth = 2;
      context.stroke();
    }
    view.components.forEach((component, i) => {
      const g = gradient.data[component.index * gradient.strides[0] + step];
      const u = applied.data[component.index * applied.strides[0] + step];
      dot(context, pixel(axes.x, spread(view, g)), pixel(axes.y, u), component.color, view.colors.surface, 5);
      surface.say(i, fixedWidth(u));
    });
    context.restore();
  },
};

/** @type {Panel} */
const gradient = {
  legend: components,
  draw(surface, view, bundle, step) {
    const context = surface.begin(surface.over);
    if (!context) return;
    const axes = surface.axes();
    const { histogram, histogram_edges: edges, gradient } = bundle.arrays;
    const start = step * histogram.strides[0];
    const floor = axes.y.zero;
    context.beginPath();
    let from = spread(view, edges.data[0]);
    context.moveTo(pixel(axes.x, from), floor);
    for (let i = 0; i < histogram.shape[1]; i++) {
      const to = spread(view, edges.data[i + 1]);
      const y = pixel(axes.y, histogram.data[start + i] / (to - from));
      context.lineTo(pixel(axes.x, from), y);
      context.lineTo(pixel(axes.x, to), y);
      from = to;
    }
    context.lineTo(pixel(axes.x, from), floor);
    context.fillStyle = view.colors.fill;
    context.fill();
    context.lineWidth = 2.5;
    view.components.forEach((component, i) => {
      const g = gradient.data[component.index * gradient.strides[0] + step];
      surface.say(i, fixedWidth(g));
      if (!Number.isFinite(g)) return;
      const x = pixel(axes.x, spread(view, g));
      context.strokeStyle = component.color;
      context.beginPath();
      context.moveTo(x, floor);
      context.lineTo(x, floor - 0.16 * axes.y.length);
      context.stroke();
    });
    context.restore();
  },
};

/** @type {Panel} */
const rate = {
  legend: (view) => [
    ...components(view),
    ...(view.optimizers.length > 1 ? [{ sign: "┈", name: "other optimizers (median)" }] : []),
  ],
  draw(surface, view, bundle, step) {
    const context = surface.begin(surface.over);
    if (!context) return;
    const axes = surface.axes();
    const log = surface.log;
    const { data, strides } = bundle.arrays.rate;
    cursor(context, axes, step, view.colors.text);
    const x = pixel(axes.x, step);
    view.components.forEach((component, i) => {
      const value = data[component.index * strides[0] + step];
      dot(context, x, height(axes, value, log), component.color, view.colors.surface, 4);
      surface.say(i, fixedWidth(value));
    });
    context.restore();
  },
};

/** @type {Record<string, Panel>} */
export const panels = { loss, landscape, state, update, gradient, rate };
export const panelNames = Object.keys(panels);
