// On paper nothing can be drawn anew: figures keep the shape that they have on the screen, and are made smaller where the paper is.
import { all, make } from "#shared/elements.mjs";

const FRAMED = "#board .panel:not([data-hidden]), .side-cards > .card, .cards > .card, .train-cards > .card, .figures > .card";
const THIRD = 230; // pixels: up to here three are beside each other
const HALF = 560; // and up to here two
const TALLEST = 500; // two of this height are on a page

/** @type {(() => void)[]} what sets everything right again */
let undo = [];

/**
 * @param {HTMLElement} one
 * @param {string} style
 */
function restyle(one, style) {
  const before = one.getAttribute("style") ?? "";
  undo.push(() => one.setAttribute("style", before));
  one.style.cssText += `; ${style}`;
}

/**
 * @param {DOMRect} frame as it is on the screen
 * @returns {string} its width on paper
 */
function onPaper({ width, height }) {
  if (width <= THIRD) return `${width}px`;
  return width <= HALF ? "calc(50% - 4px)" : `min(100%, ${Math.round((TALLEST * width) / Math.max(height, 1))}px)`;
}

/**
 * Paper gets no canvas of WebGL, so a picture of it lies over it.
 * @param {HTMLElement} plot
 */
function takePicture(plot) {
  const canvas = /** @type {HTMLCanvasElement | null} */ (plot.querySelector(".gl-container canvas"));
  const drawing = /** @type {Plot} */ (plot)._fullLayout?.scene?._scene?.glplot;
  if (!canvas || !drawing) return;
  drawing.redraw(); // its pixels can be read only right after they were drawn
  const picture = make("img", { src: canvas.toDataURL(), alt: "", className: "paper-picture" });
  canvas.parentElement?.append(picture);
  undo.push(() => picture.remove());
}

addEventListener("beforeprint", () => {
  const frames = all(document, FRAMED).map((frame) => ({ frame, shape: frame.getBoundingClientRect() }));
  const plots = all(document, ".js-plotly-plot").map((plot) => {
    const room = /** @type {HTMLElement} */ (plot.closest(".plot, .room, .story-room") ?? plot);
    return { plot, room, width: room.clientWidth, height: room.clientHeight };
  });
  for (const { plot } of plots) takePicture(plot);
  for (const { frame, shape } of frames) restyle(frame, `width: ${onPaper(shape)}; height: auto; flex: none; box-sizing: border-box`);
  for (const { plot, room, width, height } of plots.filter((one) => one.width && one.height)) {
    restyle(room, `width: 100%; height: auto; flex: none; aspect-ratio: ${width} / ${height}`);
    for (const drawing of plot.querySelectorAll(".main-svg")) {
      drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
      undo.push(() => drawing.removeAttribute("viewBox"));
    }
  }
});
addEventListener("afterprint", () => {
  for (const back of undo.reverse()) back();
  undo = [];
});
