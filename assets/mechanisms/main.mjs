// The Mechanisms page in the browser: what follows the slider and the pointer, the animation, the address bar.
import { drawn, toggle } from "#mechanisms/animation.mjs";
import { LAST, chosenBy, pick, reading } from "#mechanisms/frames.mjs";
import { isHere, writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { all, plotIn, say } from "#shared/elements.mjs";

/** @typedef {import("#mechanisms/frames.mjs").Frames} Frames */
/** @typedef {{ view: string, sides: Frames[] }} Sides what the server sends of one view, a side for each optimizer */

/** @type {{ data: Sides | null, position: number, mode: number, frames: number }} frames: figures drawn anew so far */
export const now = { data: null, position: LAST / 2, mode: 1, frames: 0 };

/**
 * Give named traces new data, in one drawing.
 * @param {Plot | null} plot
 * @param {Record<string, import("#mechanisms/frames.mjs").Data>} changes
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
    for (const [figure, data] of Object.entries(pick(side, now))) {
      redraw(document.querySelector(`#${view}-${figure}-${number}-graph .js-plotly-plot`), data);
    }
    const said = reading(side, now);
    if (number === 0) say("mechanisms-readout", said);
    say(`mechanisms-reading-${number}`, said);
  });
  document.body.dataset.mechanism = view;
  document.body.dataset.position = String(now.position);
}
function drawSoon() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

function wire() {
  for (const room of all(document, ".mechanism-room")) {
    const plot = plotIn(room);
    const axis = room.dataset.pointsAt;
    if (!plot?.on || plot.dataset.wired || !axis) continue;
    plot.dataset.wired = "yes";
    plot.on("plotly_hover", (event) => {
      const side = now.data?.sides[Number(room.dataset.side)];
      const point = event.points.find((/** @type {any} */ one) => Number.isFinite(one.customdata));
      const chosen = point && side ? chosenBy(side, axis, point.customdata) : null;
      if (chosen?.mode) setProps("mechanisms-mode", { data: chosen.mode });
      else if (chosen) setProps("mechanisms-position", { value: chosen.position });
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
