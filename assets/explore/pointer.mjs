// What is under the pointer is lit.
import { findAt, lit } from "#explore/lighting.mjs";
import { draw, stage } from "#explore/stage.mjs";
import { hideTip, showTip } from "#explore/tip.mjs";
import { closest } from "#shared/elements.mjs";

/** @typedef {import("#explore/overlay.mjs").Lit} Lit */

let waiting = false;

/** @param {Partial<Lit>} wanted */
function light({ step = null, component = null, optimizer = null }) {
  if (lit.step === step && lit.component === component && lit.optimizer === optimizer) return;
  Object.assign(lit, { step, component, optimizer });
  for (const [name, value] of Object.entries(lit)) {
    const key = `lit${name[0].toUpperCase()}${name.slice(1)}`;
    if (value === null) delete document.body.dataset[key];
    else document.body.dataset[key] = String(value);
  }
  if (!waiting) {
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }
  waiting = true;
}

/**
 * @param {PointerEvent} event
 * @returns {Partial<Lit>}
 */
function under(event) {
  const section = closest(event, "#board .panel");
  const column = section && stage.columns[Number(section.dataset.column)];
  if (!column) return {};
  const chip = closest(event, ".chip");
  if (chip) {
    const { component, optimizer } = chip.dataset;
    return { component: component === undefined ? undefined : Number(component), optimizer };
  }
  const overlay = column.overlays.find((one) => one.name === section.dataset.panel);
  const box = overlay?.graph()?.getBoundingClientRect();
  if (!overlay || !box || !closest(event, ".plot") || !overlay.shows(column.view)) return {};
  const found = findAt(overlay, column.panels[overlay.name], stage.step, event.clientX - box.left, event.clientY - box.top);
  showTip(event, column, overlay, found);
  return found;
}

document.addEventListener("pointermove", (event) => {
  if (!closest(event, "#board .plot") || event.buttons) hideTip();
  if (stage.columns.length && !event.buttons && event.target instanceof Element) light(under(event));
});
document.documentElement.addEventListener("pointerleave", () => {
  hideTip();
  light({});
});
