// A view kept as one file: what the page would ask a server for lies in it.
import { connect } from "#explore/board.mjs";
import { keepBundle } from "#explore/bundle.mjs";
import { choosePanels, drawFigure } from "#explore/columns.mjs";
import { setPanels, setSpeed, show } from "#explore/player.mjs";
import "#explore/pointer.mjs";
import { stage } from "#explore/stage.mjs";
import { need } from "#shared/elements.mjs";

/** @param {string} name */
const read = (name) => JSON.parse(need(name).textContent ?? "");

const view = read("saved-view");
connect({
  hide: setPanels,
  link: () => [view.link, stage.step ? `step=${stage.step}` : ""].filter(Boolean).join("&"),
});
for (const [key, text] of Object.entries(read("saved-bundles"))) {
  keepBundle(key, Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
}
for (const [name, figure] of Object.entries(read("saved-figures"))) drawFigure(need(`${name}-graph`), figure, view.config);
const speed = need("speed", HTMLSelectElement);
speed.addEventListener("change", () => setSpeed(Number(speed.value)));
setSpeed(Number(speed.value));
choosePanels(view.panels);
show(view);
