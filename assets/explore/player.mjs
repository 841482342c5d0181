// The player: which inner step is shown, playing, keys, the slider and the address bar. `window.loptscope` is its face.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});

  let view = null; // of the optimizer under the microscope
  let columns = []; // {view, bundle, overlays} of it and of each beside it
  let step = 0;
  let speed = 30;
  let playing = false;
  let progress = 0; // fractional step while playing
  let last = 0; // time of the last frame
  let asked = 0; // number of the newest view asked for
  let resolveReady;
  let ready = new Promise((resolve) => (resolveReady = resolve));
  let settled = false;

  const element = (id) => document.getElementById(id);

  // Only over figures of the same view: while a new one comes, Plotly may be ahead of the bundle.
  function drawPanel(column, overlay) {
    const { view: own, bundle } = column;
    if (overlay.panel.hasAttribute("data-hidden")) return;
    if (overlay.shows(own.key, own.theme)) {
      parts.panels[overlay.name].draw(overlay, own, bundle, step);
      parts.light(overlay, own, bundle, step);
    } else overlay.clear();
  }

  function draw() {
    for (const column of columns) for (const overlay of column.overlays) drawPanel(column, overlay);
  }

  function showStep() {
    document.body.dataset.step = String(step);
    const slider = element("inner-step");
    if (slider) {
      slider.value = String(step);
      slider.setAttribute("aria-valuetext", `step ${step} of ${steps()}`);
    }
    const readout = element("step-readout");
    if (readout) readout.textContent = `${step} / ${steps()}`;
  }

  function steps() {
    return columns.length ? columns[0].bundle.about.steps : 0;
  }

  function seek(wanted) {
    const number = Math.round(Number(wanted));
    if (Number.isNaN(number)) throw new TypeError(`seek takes a step from 0 to ${steps()} (got ${wanted})`);
    step = Math.min(Math.max(number, 0), steps());
    progress = step;
    showStep();
    draw();
    writeAddress();
    return step;
  }

  function frame(now) {
    if (!playing) return;
    progress = Math.min(progress + ((now - last) / 1000) * speed, steps());
    last = now;
    const next = Math.floor(progress + 1e-9);
    if (next !== step) {
      step = next;
      showStep();
      draw();
      writeAddress();
    }
    if (step >= steps()) pause();
    else requestAnimationFrame(frame);
  }

  function play() {
    if (playing || !columns.length) return;
    if (step >= steps()) seek(0);
    playing = true;
    progress = step;
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
    const button = element("play");
    if (!button) return;
    const label = playing ? "Pause (space)" : "Play (space)";
    button.setAttribute("aria-label", label);
    button.title = label;
  }

  // The address bar holds a link to the view; browsers limit how often it may change, so the newest step is written late.
  let addressTimer = null;
  function writeAddress() {
    if (addressTimer === null) addressTimer = setTimeout(writeAddressNow, 120);
  }
  function writeAddressNow() {
    addressTimer = null;
    if (!view || parts.saved || location.pathname !== parts.page) return;
    const items = view.query ? [view.query] : [];
    const shown = parts.panelsShown();
    if (shown.length < parts.names().length) items.push(`panels=${shown.join(",")}`);
    if (step !== 0) items.push(`step=${step}`);
    if (speed !== 30) items.push(`speed=${speed}`);
    const address = location.pathname + (items.length ? `?${items.join("&")}` : "");
    if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
  }

  function makeSlider() {
    const slot = element("inner-step-slot");
    if (!slot || element("inner-step")) return;
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", id: "inner-step", min: "0", step: "1" });
    slider.setAttribute("aria-label", "Inner step");
    slider.addEventListener("input", () => {
      pause();
      seek(slider.value);
    });
    slot.append(slider);
    step = Number(slot.dataset.step) || 0;
    element("play").addEventListener("click", () => (playing ? pause() : play()));
    element("step-back").addEventListener("click", () => nudge(-1));
    element("step-forward").addEventListener("click", () => nudge(1));
  }

  function nudge(by) {
    pause();
    seek(step + by);
  }

  function onKey(event) {
    if (!columns.length || !element("inner-step") || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const own = target.id === "inner-step";
    const takesKeys = "input, textarea, select, [contenteditable], [role=slider], [role=listbox], [role=option], [role=radio]";
    if (!own && target.closest && target.closest(takesKeys)) return;
    const onButton = target.closest && target.closest("button, a, [role=button]");
    if (event.key === " ") {
      if (onButton && target.id !== "play") return; // space presses the button in focus
      event.preventDefault();
      if (event.type === "keydown" && !event.repeat) playing ? pause() : play();
    } else if (event.key === "ArrowLeft") nudge(-1);
    else if (event.key === "ArrowRight") nudge(1);
    else if (event.key === "Home") nudge(-Infinity);
    else if (event.key === "End") nudge(Infinity);
    else return;
    event.preventDefault();
  }

  // Space on the play button would otherwise press it a second time when released.
  function onKeyUp(event) {
    if (event.key === " " && event.target.id === "play") event.preventDefault();
  }

  function attach() {
    for (const column of columns) {
      for (const overlay of column.overlays) {
        const graph = overlay.graph();
        if (!graph || graph.loptscopeAttached) continue;
        graph.loptscopeAttached = true;
        const redraw = () => {
          const own = columns[overlay.column];
          const current = own && own.overlays.find((one) => one.name === overlay.name);
          if (current) drawPanel(own, current);
        };
        for (const event of ["plotly_afterplot", "plotly_relayouting", "plotly_relayout"]) graph.on(event, redraw);
        if (overlay.name === "landscape") graph.addEventListener("click", (event) => chooseStart(event, graph));
      }
    }
  }

  // A click on a landscape that is the whole parameter space starts all optimizers there.
  let pressed = null;
  document.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]), true);
  function chooseStart(event, graph) {
    if (parts.saved || !columns.length || !columns[0].bundle.about.startable) return;
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return; // a zoom, not a click
    if (event.target.closest && event.target.closest(".modebar")) return;
    const { xaxis, yaxis } = graph._fullLayout;
    const box = graph.getBoundingClientRect();
    const px = event.clientX - box.left - xaxis._offset;
    const py = event.clientY - box.top - yaxis._offset;
    if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) return;
    const round = (v) => Math.min(5, Math.max(-5, Math.round(v * 1000) / 1000));
    window.dash_clientside.set_props("start-x", { value: round(xaxis.p2d(px)) });
    window.dash_clientside.set_props("start-y", { value: round(yaxis.p2d(py)) });
  }

  // Show a view: fetch its bundle, wait until Plotly has drawn its figures, draw what moves.
  parts.show = async function (wanted) {
    const number = ++asked;
    if (settled) {
      settled = false;
      ready = new Promise((resolve) => (resolveReady = resolve));
    }
    parts.page = location.pathname;
    document.body.classList.add("loading");
    let bundles;
    try {
      bundles = await Promise.all([wanted, ...wanted.beside].map((one) => parts.fetchBundle(one.key, one.bundle)));
    } catch (error) {
      if (number === asked) {
        document.body.classList.remove("loading");
        window.dash_clientside.set_props("notice", { children: error.message });
      }
      return;
    }
    if (number !== asked) return;
    makeSlider();
    const views = parts.layOut(wanted);
    const drawn = () =>
      views.every((one, i) => parts.names().every((name) => new parts.Overlay(name, i).shows(one.key, one.theme)));
    while (number === asked && !drawn()) await new Promise((resolve) => setTimeout(resolve, 8));
    if (number !== asked) return;
    view = wanted;
    columns = views.map((one, i) => ({
      view: one,
      bundle: bundles[i],
      overlays: parts.names().map((name) => new parts.Overlay(name, i)),
    }));
    attach();
    const slider = element("inner-step");
    slider.max = String(steps());
    for (const { view: own, bundle, overlays } of columns) {
      for (const overlay of overlays) {
        overlay.legend(parts.panels[overlay.name].legend(own, bundle));
        if (overlay.name === "landscape") overlay.panel.classList.toggle("startable", bundle.about.startable);
      }
    }
    seek(step);
    writeAddressNow();
    document.body.classList.remove("loading");
    settled = true;
    resolveReady();
  };

  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", onKeyUp);

  window.loptscope = {
    get step() { return step; },
    get steps() { return steps(); },
    get ready() { return ready; },
    get playing() { return playing; },
    get view() { return view; },
    seek, play, pause,
  };

  parts.columns = () => columns;
  parts.redraw = draw;

  // The panels shown, as the control or a link says.
  parts.setPanels = function (names) {
    parts.choosePanels(names);
    draw();
    writeAddress();
  };

  parts.setSpeed = function (value) {
    speed = Number(value) || 30;
    writeAddress();
  };
})();
