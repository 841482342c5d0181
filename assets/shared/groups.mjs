// Where figures name whose each line is (its legend group), pointing at one lights it in every figure, legend and table.
import { all, closest, plotIn } from "#shared/elements.mjs";

const FAINT = "0.15";
const wired = new WeakSet();
/** @type {string | null} */
let lit = null;

/** @param {Plot} plot */
const traces = (plot) => (plot._fullData ?? []).filter((trace) => trace.legendgroup && trace.visible === true);

/**
 * Only the SVG of what is drawn already is touched: Plotly need not draw again.
 * @param {string | null} group
 */
function light(group) {
  if (group === lit) return;
  lit = group;
  for (const plot of /** @type {Plot[]} */ (all(document, ".room .js-plotly-plot"))) {
    const known = traces(plot).some((trace) => trace.legendgroup === group);
    for (const trace of traces(plot)) {
      const faint = group !== null && known && trace.legendgroup !== group;
      for (const drawn of plot.querySelectorAll(`.trace${trace.uid}`)) {
        if (drawn instanceof SVGElement) drawn.style.opacity = faint ? FAINT : "";
      }
    }
  }
  for (const named of all(document, ".legend-switch, tr[data-name]")) {
    const own = [named.id, named.dataset.name].some((name) => name === group || name === `show-${group}`);
    named.classList.toggle("lit", group !== null && own);
  }
  if (group === null) delete document.body.dataset.litGroup;
  else document.body.dataset.litGroup = group;
}

const NEAR = 24; // pixels from the pointer, where one box tells the values of all lines

/**
 * Whose point is under the pointer.
 * @param {Plot} plot
 * @param {any} event Plotly's
 * @returns {string | null}
 */
function nearest(plot, event) {
  const own = event.points.filter((/** @type {any} */ point) => point.fullData?.legendgroup);
  if (own.length < 2) return own[0]?.fullData.legendgroup ?? null;
  const y = event.event.clientY - plot.getBoundingClientRect().top;
  const away = (/** @type {any} */ { yaxis, y: value }) => Math.abs(yaxis._offset + yaxis.d2p(value) - y);
  const [first] = [...own].sort((a, b) => away(a) - away(b));
  return away(first) < NEAR ? first.fullData.legendgroup : null;
}

/** @param {Plot} plot */
function wire(plot) {
  if (wired.has(plot) || !plot.on) return;
  wired.add(plot);
  plot.on("plotly_hover", (event) => {
    light(nearest(plot, event));
  });
  plot.on("plotly_unhover", () => light(null));
}

document.addEventListener("pointerover", (event) => {
  const room = closest(event, ".room");
  const plot = room && plotIn(room);
  if (plot) wire(plot);
  const named = closest(event, ".legend-switch, tr[data-name]");
  if (named) light(named.dataset.name ?? named.id.replace("show-", ""));
  else if (!room) light(null);
});
