// The player: which inner step is shown, playing, keys and the slider. `window.loptscope` is its face.
import { fetchBundle } from "#explore/bundle.mjs";
import { choosePanels, layOut, panelNames, panelsShown } from "#explore/columns.mjs";
import { lit } from "#explore/lighting.mjs";
import { prepareAll } from "#explore/marks.mjs";
import { Overlay } from "#explore/overlay.mjs";
import { draw, drawPanel, stage } from "#explore/stage.mjs";
import { onClick, startAt } from "#explore/start.mjs";
import { stepAt } from "#explore/tip.mjs";
import { closest, find, need } from "#shared/elements.mjs";
import { sleep } from "#shared/requests.mjs";

const TAKES_KEYS = "input, textarea, select, [contenteditable], [role=slider], [role=listbox], [role=option], [role=radio]";

/** What happens with the view besides: its link is written, what cannot be loaded is told. A saved page has no server. */
export const page = {
  /** @type {(changes: { panels: string, step: number, speed: number }) => void} */
  changed() {},
  /** @type {(sentence: string) => void} */
  failed() {},
  /** @type {((x: number, y: number) => void) | null} what a click on a landscape does */
  start: null,
};

let speed = 0; // inner steps a second, as the page's control says
let playing = false;
let progress = 0; // fractional step while playing
let last = 0; // time of the last frame
let asked = 0; // number of the newest view asked for
let resolveReady = () => {};
/** @type {Promise<void>} */
let ready = new Promise((resolve) => (resolveReady = resolve));
let settled = false;

function showStep() {
  document.body.dataset.step = String(stage.step);
  const slider = find("inner-step");
  if (slider instanceof HTMLInputElement) {
    slider.value = String(stage.step);
    slider.setAttribute("aria-valuetext", `step ${stage.step} of ${stage.steps}`);
  }
  const readout = find("step-readout");
  if (readout) readout.textContent = `${stage.step} / ${stage.steps}`;
}

/** @param {number | string} wanted */
function seek(wanted) {
  const number = Math.round(Number(wanted));
  if (Number.isNaN(number)) throw new TypeError(`seek takes a step from 0 to ${stage.steps} (got ${wanted})`);
  stage.step = Math.min(Math.max(number, 0), stage.steps);
  progress = stage.step;
  showStep();
  draw();
  tellSoon();
  return stage.step;
}

/** @param {number} now */
function frame(now) {
  if (!playing) return;
  progress = Math.min(progress + ((now - last) / 1000) * speed, stage.steps);
  last = now;
  const next = Math.floor(progress + 1e-9);
  if (next !== stage.step) {
    stage.step = next;
    showStep();
    draw();
    tellSoon();
  }
  if (stage.step >= stage.steps) pause();
  else requestAnimationFrame(frame);
}

function play() {
  if (playing || !stage.columns.length) return;
  if (stage.step >= stage.steps) seek(0);
  playing = true;
  progress = stage.step;
  last = performance.now();
  showPlaying();
  requestAnimationFrame(frame);
}

function pause() {
  playing = false;
  showPlaying();
}

function showPlaying() {
  document.body.classList.toggle("playing", playing);
  const button = find("play");
  if (!button) return;
  const label = playing ? "Pause (space)" : "Play (space)";
  button.setAttribute("aria-label", label);
  button.title = label;
}

// Browsers limit how often the address may change, so the newest step is told late.
/** @type {ReturnType<typeof setTimeout> | null} */
let timer = null;
function tellSoon() {
  timer ??= setTimeout(tell, 120);
}
function tell() {
  timer = null;
  if (stage.view) page.changed({ panels: panelsShown().join(","), step: stage.step, speed });
}

function makeSlider() {
  const slot = find("inner-step-slot");
  if (!slot || find("inner-step")) return;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", id: "inner-step", min: "0", step: "1" });
  slider.setAttribute("aria-label", "Inner step");
  slider.addEventListener("input", () => {
    pause();
    seek(slider.value);
  });
  slot.append(slider);
  stage.step = Number(slot.dataset.step) || 0;
  need("play").addEventListener("click", () => (playing ? pause() : play()));
  need("step-back").addEventListener("click", () => nudge(-1));
  need("step-forward").addEventListener("click", () => nudge(1));
}

/** @param {number} by */
function nudge(by) {
  pause();
  seek(stage.step + by);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!stage.columns.length || !find("inner-step") || event.ctrlKey || event.metaKey || event.altKey) return;
  const id = event.target instanceof Element ? event.target.id : "";
  if (id !== "inner-step" && closest(event, TAKES_KEYS)) return;
  if (event.key === " ") {
    if (closest(event, "button, [role=button]") && id !== "play") return; // space presses the button in focus, but no link
    event.preventDefault();
    if (event.type === "keydown" && !event.repeat) {
      if (playing) pause();
      else play();
    }
  } else if (event.key === "ArrowLeft") nudge(-1);
  else if (event.key === "ArrowRight") nudge(1);
  else if (event.key === "Home") nudge(-Infinity);
  else if (event.key === "End") nudge(Infinity);
  else return;
  event.preventDefault();
}

/**
 * Space on the play button would otherwise press it a second time when released.
 * @param {KeyboardEvent} event
 */
function onKeyUp(event) {
  if (event.key === " " && event.target instanceof Element && event.target.id === "play") event.preventDefault();
}

/**
 * @param {Plot} graph
 * @param {Overlay} overlay
 * @param {number} px
 * @param {number} py
 */
function clicked(graph, overlay, px, py) {
  const panel = stage.columns[overlay.column]?.panels[overlay.name];
  if (!panel) return;
  const step = stepAt(panel, overlay.axes(), px) ?? (panel.startable ? null : lit.step);
  if (step !== null) {
    pause();
    seek(step);
  } else if (panel.startable) {
    const [x, y] = startAt(graph, px, py);
    page.start?.(x, y);
  }
}

const attached = new WeakSet();
function attach() {
  for (const column of stage.columns) {
    for (const overlay of column.overlays) {
      const graph = overlay.graph();
      if (!graph || attached.has(graph)) continue;
      attached.add(graph);
      const redraw = () => {
        const own = stage.columns[overlay.column];
        const current = own?.overlays.find((one) => one.name === overlay.name);
        if (current) drawPanel(own, current);
      };
      for (const event of ["plotly_afterplot", "plotly_relayouting", "plotly_relayout"]) graph.on(event, redraw);
      onClick(graph, (px, py) => clicked(graph, overlay, px, py));
    }
  }
}

/**
 * Show a view: name what is drawn, fetch its bundle, wait until Plotly has drawn its figures, draw what moves.
 * @param {View} wanted
 */
export async function show(wanted) {
  const number = ++asked;
  if (settled) {
    settled = false;
    ready = new Promise((resolve) => (resolveReady = resolve));
  }
  document.body.classList.add("loading");
  for (const name of panelNames()) new Overlay(name).legend(wanted.moving[name].legend); // no figure without names
  /** @type {Bundle[]} */
  let bundles;
  try {
    bundles = await Promise.all([wanted, ...wanted.beside].map((one) => fetchBundle(one.key, one.bundle)));
  } catch (error) {
    if (number === asked) {
      document.body.classList.remove("loading");
      page.failed(error instanceof Error ? error.message : String(error));
    }
    return;
  }
  if (number !== asked) return;
  makeSlider();
  const views = layOut(wanted);
  const names = panelNames();
  const isDrawn = () => views.every((one, i) => names.every((name) => new Overlay(name, i).shows(one)));
  while (number === asked && !isDrawn()) await sleep(8);
  if (number !== asked) return;
  stage.view = wanted;
  stage.columns = views.map((view, i) => ({
    view,
    bundle: bundles[i],
    panels: prepareAll(view, bundles[i]),
    overlays: names.map((name) => new Overlay(name, i)),
  }));
  attach();
  need("inner-step", HTMLInputElement).max = String(stage.steps);
  for (const { panels, overlays } of stage.columns) {
    for (const overlay of overlays) {
      const { legend, startable } = panels[overlay.name];
      overlay.legend(legend);
      overlay.panel.classList.toggle("startable", startable);
    }
  }
  seek(stage.step);
  tell();
  document.body.classList.remove("loading");
  settled = true;
  resolveReady();
}

/**
 * The panels shown, as the control or a link says.
 * @param {string[]} names
 */
export function setPanels(names) {
  choosePanels(names);
  draw();
  tellSoon();
}

/** @param {number} value inner steps a second */
export function setSpeed(value) {
  speed = value;
  tellSoon();
}

document.addEventListener("keydown", onKey);
document.addEventListener("keyup", onKeyUp);

window.loptscope = {
  get step() {
    return stage.step;
  },
  get steps() {
    return stage.steps;
  },
  get ready() {
    return ready;
  },
  get playing() {
    return playing;
  },
  get view() {
    return stage.view;
  },
  seek,
  play,
  pause,
};
