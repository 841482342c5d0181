// The Mechanisms page in the browser: what follows the slider and the pointer, the animation, the address bar.
import { drawn, toggle } from "#mechanisms/animation.mjs";
import { LAST, MOVES } from "#mechanisms/moves.mjs";
import { isHere, writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { all, plotIn, say } from "#shared/elements.mjs";

/** @typedef {{ view: string, sides: any[] }} Sides what the server sends of one view, a side for each optimizer */

/** @type {{ data: Sides | null, position: number, mode: number, frames: number }} frames: figures drawn anew so far */
export const now = { data: null, position: LAST / 2, mode: 1, frames: 0 };

/**
 * Give named traces new data, in one drawing.
 * @param {Plot | null} plot
 * @param {Record<string, import("#mechanisms/moves.mjs").Data>} changes
 */
function redraw(plot, changes) {
  const traces = plot?.data;
  if (!traces || !window.Plotly) return;
  const found = Object.entries(changes)
    .map(([name, data]) => ({ index: traces.findIndex((trace) => trace.name === name), data }))
    .filter(({ index }) => index >= 0);
  if (!found.length) return;
  const update = {
    x: found.map(({ data }) => data.x),
    y: found.map(({ data }) => data.y),
    ...(found.some(({ data }) => data.z) && { z: found.map(({ data }) => data.z) }),
  };
  window.Plotly.restyle(plot, update, found.map(({ index }) => index));
  now.frames += 1;
}

// One drawing a frame, of the newest position.
let waiting = false;
function draw() {
  waiting = false;
  if (!now.data || !isHere("mechanisms")) return;
  const { view, sides } = now.data;
  sides.forEach((side, number) => {
    const [changes, text] = MOVES[view](side, now);
    for (const [figure, data] of Object.entries(changes)) {
      redraw(document.querySelector(`#${view}-${figure}-${number}-graph .js-plotly-plot`), data);
    }
    if (number === 0) say("mechanisms-readout", text);
  });
  document.body.dataset.mechanism = view;
  document.body.dataset.position = String(now.position);
}
function drawSoon() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

/** @param {number} value @param {number} count */
const positionOf = (value, count) => Math.round((LAST * value) / Math.max(1, count));

/** @typedef {[string, Record<string, unknown>]} Change of a control */
/** @param {any} point @returns {Change} */
const toMode = (point) => ["mechanisms-mode", { data: point.customdata + 1 }];
/** @param {any} point @returns {Change} */
const toStep = (point) => ["mechanisms-position", { value: positionOf(point.customdata, 200) }];

/** @type {Record<string, (point: any, side: any) => Change | null>} what is under the pointer decides the mode, or the position */
const POINTED = {
  eigenvalues: (point, side) => (point.customdata < side.modes ? toMode(point) : null),
  modes: (point, side) => (point.customdata < side.modes ? toMode(point) : null),
  path: toStep,
  rate: (point, side) => (side.chosen ? null : toStep(point)),
  curve: (point, side) => ["mechanisms-position", { value: positionOf(point.customdata, side.chosen.length - 1) }],
};

function wire() {
  for (const room of all(document, ".mechanism-room")) {
    const plot = plotIn(room);
    const pointed = POINTED[room.dataset.figure ?? ""];
    if (!plot?.on || plot.dataset.wired || !pointed) continue;
    plot.dataset.wired = "yes";
    plot.on("plotly_hover", (event) => {
      const side = now.data?.sides[Number(room.dataset.side)];
      const point = event.points.find((/** @type {any} */ one) => Number.isFinite(one.customdata));
      const change = point && side ? pointed(point, side) : null;
      if (change) setProps(...change);
    });
  }
}

/**
 * Plotly draws after React: once more when every figure is there.
 * @param {number} tries
 */
function settle(tries) {
  const rooms = all(document, ".mechanism-room");
  const isDrawn = (/** @type {HTMLElement} */ room) =>
    room.querySelector(".js-plotly-plot .main-svg, .js-plotly-plot canvas");
  const there = rooms.length > 0 && rooms.every(isDrawn);
  if (there) {
    wire();
    draw();
  }
  const left = there ? Math.min(tries, 3) - 1 : tries - 1;
  if (left > 0 && isHere("mechanisms")) setTimeout(() => settle(left), there ? 250 : 100);
}

export const callbacks = {
  /**
   * @param {Sides} data
   * @param {number} position
   * @param {number} mode
   */
  show(data, position, mode) {
    const fresh = data !== now.data;
    Object.assign(now, { data, position, mode });
    drawSoon();
    if (fresh) {
      settle(200);
      drawn();
    }
    return noUpdate();
  },

  /**
   * @param {string} link
   * @param {number} position
   * @param {number} mode
   */
  address(link, position, mode) {
    writeAddress("mechanisms", { mode, position }, link);
    return noUpdate();
  },

  film: () => String(toggle()),
};
