// A zoom stays while the axes stay the same. Dash writes it into its figure, where Plotly would take it for the figure's
// own range and forget that it was a zoom: the next figure would lose it, although its axes say they are the same ones.
import { closest } from "#shared/elements.mjs";

const watched = new WeakSet();

/**
 * The revision that a remembered setting belongs to, such as that of "xaxis" for "xaxis.range[0]".
 * @param {any} layout
 * @param {string} setting
 */
const revision = (layout, setting) => layout[setting.split(/[.[]/, 1)[0]]?.uirevision ?? layout.uirevision;

/** @param {Plot} plot */
function watch(plot) {
  if (watched.has(plot) || !plot.on) return;
  watched.add(plot);
  /** @type {Map<string, { own: unknown, of: unknown }>} what the figure says where the reader has zoomed */
  const zoomed = new Map();
  plot.on("plotly_relayout", () => {
    for (const [setting, own] of Object.entries(plot._fullLayout._preGUI)) {
      zoomed.set(setting, { own, of: revision(plot._fullLayout, setting) });
    }
  });
  plot.on("plotly_afterplot", () => {
    const remembered = plot._fullLayout._preGUI;
    for (const [setting, { own, of }] of zoomed) {
      if (of === undefined || revision(plot._fullLayout, setting) !== of) zoomed.delete(setting);
      else if (!(setting in remembered)) remembered[setting] = own;
    }
  });
}

document.addEventListener("pointerover", (event) => {
  const plot = /** @type {Plot | null} */ (closest(event, ".js-plotly-plot"));
  if (plot) watch(plot);
});
