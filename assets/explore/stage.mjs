// What Explore shows now, and drawing what moves in it.
import { drawMarks } from "#explore/drawing.mjs";
import { drawLit, lit } from "#explore/lighting.mjs";

/** @typedef {import("#explore/overlay.mjs").Overlay} Overlay */
/** @typedef {import("#explore/marks.mjs").Panel} Panel */
/** @typedef {{ view: ColumnView, bundle: Bundle, panels: Record<string, Panel>, overlays: Overlay[] }} Column */

export const stage = {
  /** @type {View | null} */
  view: null,
  /** @type {Column[]} of the optimizer under the microscope, and of each beside it */
  columns: [],
  step: 0,
  get steps() {
    return this.columns.length ? this.columns[0].bundle.about.steps : 0;
  },
};

/**
 * Only over figures of the same view: while a new one comes, Plotly may be ahead of the bundle.
 * @param {Column} column
 * @param {Overlay} overlay
 */
export function drawPanel({ view, panels }, overlay) {
  if (overlay.panel.hasAttribute("data-hidden")) return;
  if (overlay.shows(view)) {
    const panel = panels[overlay.name];
    drawMarks(overlay, panel, stage.step);
    overlay.mark(lit);
    drawLit(overlay, panel, stage.step, view.muted);
  } else overlay.clear();
}

export function draw() {
  for (const column of stage.columns) for (const overlay of column.overlays) drawPanel(column, overlay);
}
