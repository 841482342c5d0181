// The Mechanisms page in the browser: what follows the slider and the pointer, the film of outer training, the address bar.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const PAGE = "/mechanisms";
  const LAST = 1000;
  const now = { data: null, position: 500, mode: 1 };
  const page = (window.mechanisms = { now, frames: 0 });

  const graph = (view, figure, side) =>
    document.querySelector(`#${view}-${figure}-${side}-graph .js-plotly-plot`);

  // Give named traces new data, in one drawing.
  function redraw(plot, changes) {
    if (!plot || !plot.data || !window.Plotly) return;
    const found = Object.entries(changes)
      .map(([name, data]) => [plot.data.findIndex((trace) => trace.name === name), data])
      .filter(([index]) => index >= 0);
    if (!found.length) return;
    const update = { x: found.map(([, data]) => data.x), y: found.map(([, data]) => data.y) };
    if (found.some(([, data]) => data.z)) update.z = found.map(([, data]) => data.z);
    window.Plotly.restyle(plot, update, found.map(([index]) => index));
    page.frames += 1;
  }

  const spread = (values, scale) => values.map((g) => Math.asinh(g / scale));
  const between = (low, high, share) => low.map((value, i) => value + share * (high[i] - value));
  const round = (value) => (value === null ? "not finite" : Number(value.toPrecision(3)).toString().replace("-", "−"));

  const MOVES = {
    momentum(side, number) {
      if (!side.modes) return "it has no mode";
      const mode = Math.min(now.mode, side.modes) - 1;
      const count = side.shifts.length;
      const at = (now.position / LAST) * (count - 1);
      const low = Math.min(Math.floor(at), count - 2);
      const curves = side.updates[mode];
      const x = spread(side.gradients, side.scale);
      const changes = { moving: { x, y: between(curves[low], curves[low + 1], at - low) } };
      for (let i = 0; i < 5; i += 1) changes[`fan ${i}`] = { x, y: curves[Math.round((i / 4) * (count - 1))] };
      redraw(graph("momentum", "update", number), changes);
      const [from, to] = side.directions[mode];
      const here = between(from, to, now.position / LAST);
      redraw(graph("momentum", "state", number), {
        lit: { x: [from[0], to[0]], y: [from[1], to[1]] },
        moving: { x: [here[0]], y: [here[1]] },
      });
      const value = side.eigenvalues[mode];
      const size = Math.hypot(...value);
      redraw(graph("momentum", "eigenvalues", number), { lit: { x: [value[0]], y: [value[1]] } });
      redraw(graph("momentum", "modes", number), { lit: { x: [Math.hypot(...side.rates[mode])], y: [size] } });
      const share = Math.round((200 * now.position) / LAST - 100);
      return `mode ${mode + 1}, |λ| = ${size.toFixed(4)}, ${share} % of the range met`.replace("-", "−");
    },

    clipping(side, number) {
      const largest = side.gradients[side.gradients.length - 1];
      const low = Math.log(side.sizes[0]);
      const size = Math.exp(low + (now.position / LAST) * (Math.log(largest) - low));
      const slope = side.slope_at_zero[side.slope_at_zero.length - 1];
      const clipped = side.gradients.map((g) => -slope * Math.max(-size, Math.min(size, g)));
      redraw(graph("clipping", "update", number), { moving: { x: spread(side.gradients, side.scale), y: clipped } });
      redraw(graph("clipping", "slope", number), {
        moving: { x: [side.sizes[0], size, size, largest], y: [1, 1, 0, 0] },
      });
      return `|g| = ${round(size)}`;
    },

    schedule(side, number) {
      const step = Math.round((now.position / LAST) * (side.rates.length - 1));
      if (side.path) {
        redraw(graph("schedule", "path", number), { lit: { x: [side.path[step][0]], y: [side.path[step][1]] } });
      }
      redraw(graph("schedule", "rate", number), { lit: { x: [step], y: [side.rates[step]] } });
      redraw(graph("schedule", "update", number), {
        moving: { x: spread(side.gradients, side.scale), y: side.updates[step] },
      });
      return `step ${step}, rate ${round(side.rates[step])}`;
    },

    adaptation(side, number) {
      if (!side.g) return "no curve";
      const point = Math.round((now.position / LAST) * (side.chosen.length - 1));
      const index = side.chosen[point];
      const g = side.g[index];
      const x = Math.asinh(g / side.scale);
      const [first, second] = side.curve[index];
      redraw(graph("adaptation", "curve", number), { lit: { x: [x], y: [first] } });
      redraw(graph("adaptation", "space", number), { lit: { x: [x], y: [first], z: [second] } });
      const inside = side.gradients.findIndex((value) => value >= g);
      const shown = g >= side.gradients[0] && inside >= 0;
      redraw(graph("adaptation", "update", number), {
        moving: { x: spread(side.gradients, side.scale), y: side.updates[point] },
        lit: shown ? { x: [x], y: [side.updates[point][inside]] } : { x: [], y: [] },
      });
      redraw(graph("adaptation", "rate", number), { lit: { x: [Math.abs(g)], y: [side.rates[index]] } });
      return `g = ${round(g)}, rate ${round(side.rates[index])}`;
    },
  };

  MOVES.ablations = () => "";

  // One drawing a frame, of the newest position.
  let waiting = false;
  function draw() {
    waiting = false;
    if (!now.data || location.pathname !== PAGE) return;
    const said = now.data.sides.map((side, number) => MOVES[now.data.view](side, number));
    const readout = document.getElementById("mechanisms-readout");
    if (readout) readout.textContent = said[0];
    document.body.dataset.mechanism = now.data.view;
    document.body.dataset.position = now.position;
  }
  function soon() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }
  page.draw = draw;

  // What is under the pointer decides the mode, or the position.
  const POINTED = {
    eigenvalues: (point) => ["mechanisms-mode", { data: point.customdata + 1 }],
    modes: (point) => ["mechanisms-mode", { data: point.customdata + 1 }],
    path: (point) => ["mechanisms-position", { value: Math.round((LAST * point.customdata) / 200) }],
    rate: (point, side) =>
      side.chosen ? null : ["mechanisms-position", { value: Math.round((LAST * point.customdata) / 200) }],
    curve: (point, side) => [
      "mechanisms-position",
      { value: Math.round((LAST * point.customdata) / Math.max(1, side.chosen.length - 1)) },
    ],
  };
  function wire() {
    for (const room of document.querySelectorAll(".mechanism-room")) {
      const plot = room.querySelector(".js-plotly-plot");
      if (!plot || !plot.on || plot.dataset.wired || !POINTED[room.dataset.figure]) continue;
      plot.dataset.wired = "yes";
      plot.on("plotly_hover", (event) => {
        const side = now.data.sides[room.dataset.side];
        const point = event.points.find((one) => Number.isFinite(one.customdata));
        if (!point || !side) return;
        if (room.dataset.figure in { eigenvalues: 0, modes: 0 } && point.customdata >= side.modes) return;
        const change = POINTED[room.dataset.figure](point, side);
        if (change) dash.set_props(...change);
      });
    }
  }

  // Plotly draws after React: once more when every figure is there.
  function settle(tries) {
    const rooms = [...document.querySelectorAll(".mechanism-room")];
    const there = rooms.length && rooms.every((room) => room.querySelector(".js-plotly-plot .main-svg, .js-plotly-plot canvas"));
    if (there) {
      wire();
      draw();
    }
    const left = there ? Math.min(tries, 3) - 1 : tries - 1;
    if (left > 0 && location.pathname === PAGE) setTimeout(() => settle(left), there ? 250 : 100);
  }

  const film = { playing: false };
  function advance() {
    if (!film.playing || location.pathname !== PAGE) return;
    if (film.position > film.last) {
      stop();
      return;
    }
    film.asked = performance.now();
    dash.set_props("mechanisms-outer", { value: film.position });
    film.position += 1;
  }
  function stop() {
    film.playing = false;
    document.body.classList.remove("playing");
  }

  dash.mechanisms = {
    show(data, position, mode) {
      const fresh = data !== now.data;
      Object.assign(now, { data, position, mode });
      soon();
      if (fresh) {
        settle(200);
        if (film.playing) setTimeout(advance, Math.max(80, 450 - (performance.now() - film.asked)));
      }
      return dash.no_update;
    },

    address(link, position, mode) {
      if (location.pathname !== PAGE) return dash.no_update;
      const items = link ? [link] : [];
      if (mode !== 1) items.push(`mode=${mode}`);
      if (position !== LAST / 2) items.push(`position=${position}`);
      const address = PAGE + (items.length ? `?${items.join("&")}` : "");
      if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
      return dash.no_update;
    },

    film() {
      if (film.playing) {
        stop();
        return "false";
      }
      const thumb = document.querySelector("#mechanisms-outer [role=slider]");
      if (!thumb || thumb.getAttribute("data-disabled")) return "false";
      const at = Number(thumb.getAttribute("aria-valuenow"));
      film.last = Number(thumb.getAttribute("aria-valuemax"));
      Object.assign(film, { playing: true, position: at >= film.last ? 0 : at + 1 });
      document.body.classList.add("playing");
      advance();
      return "true";
    },
  };
})();
