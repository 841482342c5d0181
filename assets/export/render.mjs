// One figure at the size it is to have on paper: Plotly lays it out anew, beside the page, with the size of font that is asked for.
import { make } from "#shared/elements.mjs";
import { FAMILY } from "#export/text.mjs";

/**
 * What is exported of one figure.
 * @typedef {object} Source
 * @property {Plot} plot
 * @property {string} title
 * @property {string} about the task, the optimizer, the snapshot, the seeds
 * @property {(marked: boolean) => string} at the step it shows; "" if it shows all of them
 * @property {((drawn: Plot, marked: boolean) => { under: string, over: string }) | null} layers SVG of what is drawn under and over it,
 *   with the mark of the step or without
 * @property {((marked: boolean) => import("#export/legend.mjs").Entry[]) | null} legend instead of the one that its traces give
 */

const AXIS = /^(xaxis|yaxis)\d*$/;
let drawn = 0; // figures so far: names of clip paths must differ within a file

/**
 * A layout for a size of font; what was zoomed stays zoomed.
 * @param {any} layout
 * @param {number} width
 * @param {number} height
 * @param {number} font in px
 */
export function sized(layout, width, height, font) {
  const plain = { size: font, family: FAMILY };
  const after = { ...layout, width, height, autosize: false, showlegend: false, title: undefined };
  after.font = { ...layout.font, ...plain };
  after.margin = { l: 6, r: Math.max(8, (layout.margin?.r ?? 0) > 20 ? layout.margin.r : 0), t: 6, b: 6 };
  for (const [name, axis] of Object.entries(layout)) {
    if (!AXIS.test(name) || !axis) continue;
    after[name] = {
      ...axis,
      automargin: axis.visible === false ? false : name.startsWith("x") ? "height" : "width",
      tickfont: { ...axis.tickfont, ...plain },
      ticklen: 0.35 * font,
      title: axis.title ? { ...axis.title, font: { ...axis.title.font, ...plain }, standoff: 0.5 * font } : axis.title,
    };
  }
  const smaller = { ...plain, size: 0.9 * font };
  after.annotations = layout.annotations?.map((/** @type {any} */ one) => ({ ...one, font: { ...one.font, ...smaller } }));
  if (layout.scene) {
    after.scene = { ...layout.scene };
    for (const name of ["xaxis", "yaxis", "zaxis"]) {
      const axis = layout.scene[name];
      after.scene[name] = { ...axis, tickfont: { ...axis?.tickfont, ...smaller } };
      if (axis?.title) after.scene[name].title = { ...axis.title, font: { ...axis.title.font, ...plain } };
    }
  }
  return after;
}

/** @param {any} trace @param {number} font */
function sizedTrace(trace, font) {
  const after = { ...trace };
  if (trace.textfont) after.textfont = { ...trace.textfont, size: font, family: FAMILY };
  for (const holder of ["marker", ""]) {
    const bar = holder ? trace[holder]?.colorbar : trace.colorbar;
    if (!bar) continue;
    const colorbar = { ...bar, tickfont: { ...bar.tickfont, size: 0.9 * font, family: FAMILY } };
    if (bar.title) colorbar.title = { ...bar.title, font: { ...bar.title.font, size: font, family: FAMILY } };
    if (holder) after[holder] = { ...trace[holder], colorbar };
    else after.colorbar = colorbar;
  }
  return after;
}

/**
 * @param {Source} source
 * @param {number} width
 * @param {number} height
 * @param {number} font in px
 * @param {boolean} marked whether the step is marked
 * @returns {Promise<string>} an SVG element of that size
 */
export async function render(source, width, height, font, marked) {
  const { plot, layers } = source;
  const style = `position:fixed;left:-20000px;top:0;width:${width}px;height:${height}px`;
  const room = /** @type {any} */ (make("div", { style }));
  document.body.append(room);
  try {
    const data = (plot.data ?? []).map((trace) => sizedTrace(trace, font));
    await window.Plotly.newPlot(room, data, sized(plot.layout, width, height, font), { staticPlot: true });
    const url = await window.Plotly.toImage(room, { format: "svg", width, height });
    const inner = decodeURIComponent(url.slice(url.indexOf(",") + 1));
    let [under, over] = ["", ""];
    if (layers) {
      const id = `plot-area-${(drawn += 1)}`;
      const { xaxis: x, yaxis: y } = room._fullLayout;
      const found = layers(room, marked);
      const placed = (/** @type {string} */ items) => items && `<g class="drawn" clip-path="url(#${id})">${items}</g>`;
      under = `<clipPath id="${id}"><rect x="${x._offset}" y="${y._offset}" width="${x._length}" height="${y._length}"/></clipPath>${placed(found.under)}`;
      over = placed(found.over);
    }
    const nested = inner.replace(/^<svg class="main-svg"/, "<svg").replace(/ style="[^"]*"/, "");
    return `${under}${nested}${over}`;
  } finally {
    window.Plotly.purge(room);
    room.remove();
  }
}
