// What is under the pointer is lit in every panel of every column: a step, a component, an optimizer.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const NEAR = 12; // pixels
  const lit = { step: null, component: null, optimizer: null };

  // The lines of a panel at a step: whose each is, and where its points are (in values of the axes). `stepped` lines have a
  // point for each inner step.
  const row = (array, index) => array.data.subarray(index * array.strides[0], (index + 1) * array.strides[0]);
  const LINES = {
    loss: (view, bundle) =>
      view.optimizers.map((one) => {
        const values = row(bundle.arrays.losses, one.row);
        return { optimizer: one.color, color: one.color, stepped: true, count: values.length, x: (i) => i, y: (i) => values[i] };
      }),
    rate: (view, bundle) =>
      view.components.map((one) => {
        const values = row(bundle.arrays.rate, one.index);
        return { component: one.index, color: one.color, stepped: true, count: values.length, x: (i) => i, y: (i) => values[i] };
      }),
    landscape: (view, bundle) =>
      bundle.about.landscape !== "plane"
        ? []
        : view.optimizers.map((one) => ({ optimizer: one.color, ...path(row(bundle.arrays.paths, one.row), one.color) })),
    state: (view, bundle) =>
      view.components.map((one) => ({ component: one.index, ...path(row(bundle.arrays.state, one.index), one.color) })),
    update: (view, bundle, step) => {
      const { update, gradient_grid: grid } = bundle.arrays;
      return view.components.map((one) => {
        const start = one.index * update.strides[0] + step * update.strides[1];
        const x = (i) => parts.spread(view, grid.data[i]);
        return { component: one.index, color: one.color, count: grid.data.length, x, y: (i) => update.data[start + i] };
      });
    },
    gradient: (view, bundle, step) =>
      view.components.map((one) => {
        const g = parts.spread(view, row(bundle.arrays.gradient, one.index)[step]);
        return { component: one.index, color: one.color, count: 2, x: () => g, y: (i) => i, tick: true };
      }),
  };
  // The lines of a panel, with the names of whose they are.
  parts.lines = (name, view, bundle, step) =>
    LINES[name](view, bundle, step).map((line) => {
      const owner = view.components.find((one) => one.index === line.component) || view.optimizers.find((one) => one.color === line.optimizer);
      return { ...line, name: owner.name };
    });

  function path(values, color) {
    return { color, stepped: true, count: values.length / 2, x: (i) => values[2 * i], y: (i) => values[2 * i + 1] };
  }

  // A line's point in pixels; ticks stand on the floor of their panel.
  function place(line, i, axes, log) {
    const x = axes.x.zero + axes.x.slope * line.x(i);
    if (line.tick) return [x, axes.y.zero - (i ? 0.16 * axes.y.length : 0)];
    return [x, parts.height(axes, line.y(i), log)];
  }

  function find(overlay, view, bundle, step, px, py) {
    const axes = overlay.axes();
    const log = parts.logAxis(overlay.graph());
    const inside = px >= axes.x.start && px <= axes.x.start + axes.x.length && py >= axes.y.start && py <= axes.y.start + axes.y.length;
    if (!inside) return {};
    let best = NEAR;
    let found = {};
    for (const line of LINES[overlay.name](view, bundle, step)) {
      for (let i = 0; i < line.count; i++) {
        const [x, y] = place(line, i, axes, log);
        const away = line.tick ? Math.abs(x - px) : Math.hypot(x - px, y - py);
        if (!(away < best)) continue;
        best = away;
        found = { step: line.stepped ? i : undefined, component: line.component, optimizer: line.optimizer };
      }
    }
    if (overlay.name === "loss" || overlay.name === "rate") {
      const at = Math.round((px - axes.x.zero) / axes.x.slope);
      if (at >= 0 && at <= bundle.about.steps) found.step = at;
    }
    return found;
  }

  function stroke(context, line, axes, log) {
    context.beginPath();
    let pen = false;
    for (let i = 0; i < line.count; i++) {
      const [x, y] = place(line, i, axes, log);
      if (!(Math.abs(x) < 1e5 && Math.abs(y) < 1e5)) pen = false;
      else if (pen) context.lineTo(x, y);
      else {
        context.moveTo(x, y);
        pen = true;
      }
    }
    context.stroke();
  }

  // Drawn over what the panel shows at its step.
  parts.light = function (overlay, view, bundle, step) {
    overlay.mark(lit);
    if (lit.step === null && lit.component === null && lit.optimizer === null) return;
    const context = overlay.begin(overlay.over, true);
    if (!context) return;
    const axes = overlay.axes();
    const log = parts.logAxis(overlay.graph());
    const chosen = (line) =>
      (lit.component !== null && line.component === lit.component) || (lit.optimizer !== null && line.optimizer === lit.optimizer);
    context.lineJoin = "round";
    for (const line of LINES[overlay.name](view, bundle, step).filter(chosen)) {
      context.strokeStyle = line.color;
      context.lineWidth = 4.5;
      context.globalAlpha = 0.75;
      stroke(context, line, axes, log);
    }
    context.globalAlpha = 1;
    if (lit.step !== null && lit.step <= bundle.about.steps) {
      if (overlay.name === "loss" || overlay.name === "rate") {
        const x = axes.x.zero + axes.x.slope * lit.step;
        context.strokeStyle = view.colors.muted;
        context.lineWidth = 1;
        context.setLineDash([3, 3]);
        context.beginPath();
        context.moveTo(x, axes.y.start);
        context.lineTo(x, axes.y.start + axes.y.length);
        context.stroke();
        context.setLineDash([]);
      }
      const of = (line) => lit.component === null || line.component === undefined || line.component === lit.component;
      for (const line of LINES[overlay.name](view, bundle, lit.step).filter(of)) {
        context.strokeStyle = line.color;
        if (line.stepped) {
          const [x, y] = place(line, lit.step, axes, log);
          if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
          context.lineWidth = 2;
          context.beginPath();
          context.arc(x, y, 7, 0, 2 * Math.PI);
          context.stroke();
        } else {
          context.lineWidth = 1.5;
          context.setLineDash([4, 3]);
          stroke(context, line, axes, log);
          context.setLineDash([]);
        }
      }
    }
    context.restore();
  };

  let waiting = false;
  function light({ step = null, component = null, optimizer = null }) {
    if (lit.step === step && lit.component === component && lit.optimizer === optimizer) return;
    Object.assign(lit, { step, component, optimizer });
    for (const [name, value] of Object.entries(lit)) {
      const key = `lit${name[0].toUpperCase()}${name.slice(1)}`;
      if (value === null) delete document.body.dataset[key];
      else document.body.dataset[key] = value;
    }
    if (!waiting) {
      requestAnimationFrame(() => {
        waiting = false;
        parts.redraw();
      });
    }
    waiting = true;
  }

  document.addEventListener("pointermove", (event) => {
    const columns = parts.columns ? parts.columns() : [];
    const target = event.target;
    if (!columns.length || event.buttons || !target.closest) return;
    const section = target.closest("#board .panel");
    const column = section && columns[Number(section.dataset.column)];
    if (!column) {
      light({});
      return;
    }
    const chip = target.closest(".chip");
    if (chip) {
      const { component, optimizer } = chip.dataset;
      light({ component: component === undefined ? null : Number(component), optimizer: optimizer || null });
      return;
    }
    const overlay = column.overlays.find((one) => one.name === section.dataset.panel);
    const graph = overlay.graph();
    if (!target.closest(".plot") || !overlay.shows(column.view.key, column.view.theme)) {
      light({});
      return;
    }
    const box = graph.getBoundingClientRect();
    const found = find(overlay, column.view, column.bundle, window.loptscope.step, event.clientX - box.left, event.clientY - box.top);
    light(found);
  });
  document.documentElement.addEventListener("pointerleave", () => parts.columns && light({}));
})();
