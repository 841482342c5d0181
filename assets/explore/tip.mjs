// The box beside the pointer: the step under it, and the value of every line there.
import { pixel } from "#explore/axes.mjs";
import { make } from "#shared/elements.mjs";
import { readable } from "#shared/numbers.mjs";

/** @typedef {import("#explore/stage.mjs").Column} Column */
/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */
/** @typedef {import("#explore/overlay.mjs").Lit} Lit */
/** @typedef {{ color?: string, name: string, value: string }} Row */
/** @typedef {{ title: string, rows: Row[] }} Told */

const AWAY = 16; // pixels from the pointer

/**
 * Every line of a panel at a step.
 * @param {any[]} traces with a number for each step
 * @param {number} step
 * @param {number} last
 * @returns {Row[]}
 */
export const valuesAt = (traces, step, last) =>
  traces
    .filter(({ y, name, showlegend }) => y?.length === last + 1 && name && showlegend !== false)
    .map(({ y, name, line }) => ({ color: line?.color, name, value: readable(Number(y[step])) }));

/**
 * The loss at a place of the landscape; null outside of it.
 * @param {Bundle} bundle
 * @param {number} x
 * @param {number} y
 */
export function lossAt({ arrays }, x, y) {
  const { surface, surface_x: xs, surface_y: ys } = arrays;
  if (!surface) return null;
  const nearest = (/** @type {ArrayLike<number>} */ line, /** @type {number} */ value) =>
    Math.round(((value - line[0]) / (line[line.length - 1] - line[0])) * (line.length - 1));
  const [column, row] = [nearest(xs.data, x), nearest(ys.data, y)];
  if (column < 0 || row < 0 || column >= xs.data.length || row >= ys.data.length) return null;
  return surface.data[row * surface.strides[0] + column];
}

/**
 * What is told of a place in a panel; null where nothing is.
 * @param {Column} column
 * @param {Overlay} overlay
 * @param {Partial<Lit>} found
 * @param {number} px
 * @param {number} py
 * @returns {Told | null}
 */
function told(column, overlay, found, px, py) {
  const panel = column.panels[overlay.name];
  const plot = overlay.graph();
  if (panel.steps && found.step !== undefined && found.step !== null) {
    return { title: `step ${found.step}`, rows: valuesAt(plot?._fullData ?? [], found.step, panel.last) };
  }
  const at = found.step === undefined || found.step === null ? "" : `step ${found.step}`;
  const { x, y } = overlay.axes();
  const inside = px >= x.start && px <= x.start + x.length && py >= y.start && py <= y.start + y.length;
  if (overlay.name !== "landscape" || !inside) return null;
  const place = [(px - x.zero) / x.slope, (py - y.zero) / y.slope];
  const loss = lossAt(column.bundle, place[0], place[1]);
  if (loss === null) return null;
  const names = column.bundle.about.plane_labels;
  const rows = place.map((value, i) => ({ name: names[i], value: readable(value) }));
  return { title: at, rows: [...rows, { name: "loss", value: readable(loss) }] };
}

/** @type {HTMLElement | null} */
let box = null;

export function hideTip() {
  if (box) box.hidden = true;
}

/**
 * @param {PointerEvent} event
 * @param {Column} column
 * @param {Overlay} overlay
 * @param {Partial<Lit>} found
 */
export function showTip(event, column, overlay, found) {
  const bounds = overlay.graph()?.getBoundingClientRect();
  const said = bounds && told(column, overlay, found, event.clientX - bounds.left, event.clientY - bounds.top);
  if (!said) {
    hideTip();
    return;
  }
  if (!box) {
    box = make("div", { id: "tip", className: "tip", "aria-hidden": "true" });
    document.body.append(box);
  }
  box.replaceChildren(
    ...(said.title ? [make("b", {}, said.title)] : []),
    ...said.rows.map(({ color, name, value }) => {
      const mark = make("i");
      if (color) mark.style.setProperty("--mark", color);
      return make("div", {}, color ? mark : null, make("span", {}, name), make("span", { className: "number" }, value));
    }),
  );
  box.hidden = false;
  const { offsetWidth: wide, offsetHeight: high } = box;
  const right = event.clientX + AWAY + wide <= innerWidth;
  box.style.left = `${Math.max(4, right ? event.clientX + AWAY : event.clientX - AWAY - wide)}px`;
  box.style.top = `${Math.max(4, Math.min(event.clientY - high / 2, innerHeight - high - 4))}px`;
}

/**
 * The step at a place of a panel whose horizontal axis is the step; null elsewhere.
 * @param {import("#explore/marks.mjs").Panel} panel
 * @param {Axes} axes
 * @param {number} px
 */
export function stepAt(panel, { x }, px) {
  if (!panel.steps || px < x.start || px > x.start + x.length) return null;
  return Math.min(Math.max(Math.round((px - pixel(x, 0)) / x.slope), 0), panel.last);
}
