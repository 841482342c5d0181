// On paper figures keep the size they have on the screen: nothing can be drawn anew once a page is being printed.
import { all } from "#shared/elements.mjs";

const WIDEST = 1000; // pixels: wider figures fill the page

/** @type {[HTMLElement, string][]} */
let held = [];

addEventListener("beforeprint", () => {
  const framed = all(document, "#board .panel:not([data-hidden]), .side-cards > .card, .cards > .card, .train-cards > .card");
  held = framed.map((one) => [one, one.getAttribute("style") ?? ""]);
  for (const [one] of held) {
    const { width, height } = one.getBoundingClientRect();
    if (width <= WIDEST) one.style.cssText += `; width: ${width}px; height: ${height}px; flex: none; box-sizing: border-box`;
  }
});
addEventListener("afterprint", () => {
  for (const [one, style] of held) one.setAttribute("style", style);
  held = [];
});
