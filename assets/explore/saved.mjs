// A view kept as one file: what the page would ask a server for lies in it.
(function () {
  "use strict";
  const parts = window.loptscopeParts;
  const holds = (name) => document.getElementById(name);
  if (!holds("saved-view")) return;
  const read = (name) => JSON.parse(holds(name).textContent);
  const view = read("saved-view");
  const figures = read("saved-figures");
  parts.saved = {
    query: (step) => [view.link, step ? `step=${step}` : ""].filter(Boolean).join("&"),
  };
  parts.wantPanels = parts.setPanels;
  for (const [key, text] of Object.entries(read("saved-bundles"))) {
    parts.keepBundle(key, Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  }
  for (const [name, figure] of Object.entries(figures)) parts.drawFigure(holds(`${name}-graph`), figure, view.config);
  const speed = holds("speed");
  speed.addEventListener("change", () => parts.setSpeed(speed.value));
  parts.setSpeed(speed.value);
  parts.choosePanels(view.panels);
  parts.show(view);
})();
