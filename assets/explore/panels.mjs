// What moves in each panel: pure drawing of (bundle, view, step) on an overlay. Nothing here touches Plotly or the server.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const LOG_FLOOR = 1e-300;

  function cursor(context, axes, step, color) {
    const x = axes.x.zero + axes.x.slope * step;
    context.strokeStyle = color;
    context.globalAlpha = 0.55;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, axes.y.start);
    context.lineTo(x, axes.y.start + axes.y.length);
    context.stroke();
    context.globalAlpha = 1;
  }

  function dot(context, x, y, color, ring, radius) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = ring;
    context.stroke();
  }

  // The part of a path walked so far; gaps where it is not finite. data holds (a, b) pairs from `start`.
  function trail(context, axes, data, start, steps, color, width) {
    context.beginPath();
    let pen = false;
    for (let k = 0; k <= steps; k++) {
      const x = axes.x.zero + axes.x.slope * data[start + 2 * k];
      const y = axes.y.zero + axes.y.slope * data[start + 2 * k + 1];
      if (!(Math.abs(x) < 1e5 && Math.abs(y) < 1e5)) pen = false;
      else if (pen) context.lineTo(x, y);
      else {
        context.moveTo(x, y);
        pen = true;
      }
    }
    context.strokeStyle = color;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.stroke();
  }

  function logAxis(graph) {
    return graph._fullLayout.yaxis.type === "log";
  }

  function height(axes, value, log) {
    const v = log ? (value > 0 ? Math.log10(Math.max(value, LOG_FLOOR)) : NaN) : value;
    return axes.y.zero + axes.y.slope * v;
  }

  function spread(view, gradient) {
    return view.symlog ? Math.asinh(gradient / view.scale) : gradient;
  }

  // Side by side, the heads of the columns name the optimizers: here their colours do.
  const optimizers = (view) =>
    view.optimizers.map((o) => ({ color: o.color, name: o.column ? "" : o.title, title: o.title, optimizer: o.color }));
  const components = (view) => view.components.map((c) => ({ color: c.color, name: c.name, component: c.index }));

  const panels = {};

  panels.loss = {
    legend: (view) => optimizers(view),
    draw(overlay, view, bundle, step) {
      const context = overlay.begin(overlay.over);
      if (!context) return;
      const axes = overlay.axes();
      const log = logAxis(overlay.graph());
      const { data, strides } = bundle.arrays.losses;
      cursor(context, axes, step, view.colors.text);
      const x = axes.x.zero + axes.x.slope * step;
      for (let i = view.optimizers.length - 1; i >= 0; i--) {
        const optimizer = view.optimizers[i];
        const value = data[optimizer.row * strides[0] + step];
        dot(context, x, height(axes, value, log), optimizer.color, view.colors.surface, i === 0 ? 5 : 4);
        overlay.say(i, parts.format(value));
      }
      context.restore();
    },
  };

  panels.landscape = {
    legend: (view) => optimizers(view),
    draw(overlay, view, bundle, step) {
      if (bundle.about.landscape === "plane") drawPaths(overlay, view, bundle, step);
      if (bundle.about.landscape === "field") drawField(overlay, view, bundle, step);
    },
  };

  function drawPaths(overlay, view, bundle, step) {
    const under = overlay.under;
    if (under.width > 1) under.width = under.height = 1; // left over from a classifier
    const context = overlay.begin(overlay.over);
    if (!context) return;
    const axes = overlay.axes();
    const { data, strides } = bundle.arrays.paths;
    for (let i = view.optimizers.length - 1; i >= 0; i--) {
      const optimizer = view.optimizers[i];
      const start = optimizer.row * strides[0];
      trail(context, axes, data, start, step, optimizer.color, i === 0 ? 2.6 : 2);
      const x = axes.x.zero + axes.x.slope * data[start + 2 * step];
      const y = axes.y.zero + axes.y.slope * data[start + 2 * step + 1];
      dot(context, x, y, optimizer.color, view.colors.surface, i === 0 ? 5.5 : 4.5);
    }
    context.restore();
  }

  const image = document.createElement("canvas");
  const LOW = { light: [64, 105, 170], dark: [110, 160, 235] };
  const HIGH = { light: [190, 140, 30], dark: [230, 185, 80] };

  // The subject's decision as a field of colour, every optimizer's decision boundary as a line.
  function drawField(overlay, view, bundle, step) {
    const under = overlay.begin(overlay.under);
    if (!under) return;
    const axes = overlay.axes();
    const { data, shape, strides } = bundle.arrays.logits;
    const [, , rows, columns] = shape;
    const [[x0, x1], [y0, y1]] = bundle.about.plane_window;
    const left = axes.x.zero + axes.x.slope * x0;
    const top = axes.y.zero + axes.y.slope * y1;
    const width = axes.x.slope * (x1 - x0);
    const tall = -axes.y.slope * (y1 - y0);
    image.width = columns;
    image.height = rows;
    const pixels = image.getContext("2d").createImageData(columns, rows);
    const start = view.optimizers[0].row * strides[0] + step * strides[1];
    const [low, high] = [LOW[view.theme], HIGH[view.theme]];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const logit = (data[start + r * columns + c] / 127) * bundle.about.logit_range;
        const sure = Math.tanh(logit / 2); // −1 … 1, twice the probability less one
        const color = sure < 0 ? low : high;
        const at = 4 * ((rows - 1 - r) * columns + c);
        pixels.data[at] = color[0];
        pixels.data[at + 1] = color[1];
        pixels.data[at + 2] = color[2];
        pixels.data[at + 3] = 105 * Math.abs(sure);
      }
    }
    image.getContext("2d").putImageData(pixels, 0, 0);
    under.imageSmoothingEnabled = true;
    // Grid values belong to the centres of pixels, and the outermost ones to the window's edges.
    const dx = width / (columns - 1);
    const dy = tall / (rows - 1);
    under.drawImage(image, left - dx / 2, top - dy / 2, width + dx, tall + dy);
    under.restore();

    const context = overlay.begin(overlay.over);
    for (let i = view.optimizers.length - 1; i >= 0; i--) {
      const optimizer = view.optimizers[i];
      const from = optimizer.row * strides[0] + step * strides[1];
      boundary(context, data, from, rows, columns, (c) => left + c * dx, (r) => top + tall - r * dy);
      context.strokeStyle = optimizer.color;
      context.lineWidth = i === 0 ? 2.6 : 1.8;
      context.stroke();
    }
    context.restore();
  }

  // Marching squares for the zero level: on every cell, straight pieces between the edges that change sign.
  function boundary(context, data, start, rows, columns, px, py) {
    context.beginPath();
    for (let r = 0; r + 1 < rows; r++) {
      for (let c = 0; c + 1 < columns; c++) {
        const at = start + r * columns + c;
        const a = data[at], b = data[at + 1], d = data[at + columns], e = data[at + columns + 1];
        const code = (a > 0) + 2 * (b > 0) + 4 * (e > 0) + 8 * (d > 0);
        if (code === 0 || code === 15) continue;
        const ends = [];
        if (a > 0 !== b > 0) ends.push(px(c + a / (a - b)), py(r));
        if (b > 0 !== e > 0) ends.push(px(c + 1), py(r + b / (b - e)));
        if (d > 0 !== e > 0) ends.push(px(c + d / (d - e)), py(r + 1));
        if (a > 0 !== d > 0) ends.push(px(c), py(r + a / (a - d)));
        for (let k = 0; k + 3 < ends.length; k += 4) {
          context.moveTo(ends[k], ends[k + 1]);
          context.lineTo(ends[k + 2], ends[k + 3]);
        }
      }
    }
  }

  panels.state = {
    legend: (view, bundle) => {
      const point = bundle.about.fixed_point;
      const star = point && { sign: point.converged ? "★" : "☆", name: point.converged ? "fixed point" : "slowest point found" };
      return [...components(view), ...(star ? [star] : [])];
    },
    draw(overlay, view, bundle, step) {
      const context = overlay.begin(overlay.over);
      if (!context) return;
      const axes = overlay.axes();
      const { data, strides } = bundle.arrays.state;
      for (const component of view.components) {
        const start = component.index * strides[0];
        trail(context, axes, data, start, step, component.color, 2);
      }
      for (const component of view.components) {
        const start = component.index * strides[0] + 2 * step;
        const x = axes.x.zero + axes.x.slope * data[start];
        const y = axes.y.zero + axes.y.slope * data[start + 1];
        dot(context, x, y, component.color, view.colors.surface, 5);
      }
      context.restore();
    },
  };

  panels.update = {
    legend: (view) => [
      ...components(view),
      ...(view.sgd ? [{ color: view.sgd, name: "SGD, tuned", dashed: true }] : []),
    ],
    draw(overlay, view, bundle, step) {
      const context = overlay.begin(overlay.over);
      if (!context) return;
      const axes = overlay.axes();
      const { update, gradient, applied, gradient_grid: grid } = bundle.arrays;
      if (overlay.spreadFor !== view) {
        overlay.spreadFor = view;
        overlay.positions = Float64Array.from(grid.data, (g) => spread(view, g));
      }
      const positions = overlay.positions;
      for (const component of view.components) {
        const start = component.index * update.strides[0] + step * update.strides[1];
        context.beginPath();
        let pen = false;
        for (let i = 0; i < positions.length; i++) {
          const x = axes.x.zero + axes.x.slope * positions[i];
          const y = axes.y.zero + axes.y.slope * update.data[start + i];
          if (!(Math.abs(y) < 1e6)) pen = false;
          else if (pen) context.lineTo(x, y);
          else {
            context.moveTo(x, y);
            pen = true;
          }
        }
        context.strokeStyle = component.color;
        context.lineWidth = 2;
        context.stroke();
      }
      view.components.forEach((component, i) => {
        const g = gradient.data[component.index * gradient.strides[0] + step];
        const u = applied.data[component.index * applied.strides[0] + step];
        const x = axes.x.zero + axes.x.slope * spread(view, g);
        dot(context, x, axes.y.zero + axes.y.slope * u, component.color, view.colors.surface, 5);
        overlay.say(i, parts.format(u));
      });
      context.restore();
    },
  };

  panels.gradient = {
    legend: (view) => components(view),
    draw(overlay, view, bundle, step) {
      const context = overlay.begin(overlay.over);
      if (!context) return;
      const axes = overlay.axes();
      const { histogram, histogram_edges: edges, gradient } = bundle.arrays;
      const start = step * histogram.strides[0];
      const floor = axes.y.zero;
      context.beginPath();
      let from = spread(view, edges.data[0]);
      context.moveTo(axes.x.zero + axes.x.slope * from, floor);
      for (let i = 0; i < histogram.shape[1]; i++) {
        const to = spread(view, edges.data[i + 1]);
        const y = axes.y.zero + (axes.y.slope * histogram.data[start + i]) / (to - from);
        context.lineTo(axes.x.zero + axes.x.slope * from, y);
        context.lineTo(axes.x.zero + axes.x.slope * to, y);
        from = to;
      }
      context.lineTo(axes.x.zero + axes.x.slope * from, floor);
      context.fillStyle = view.colors.fill;
      context.fill();
      context.lineWidth = 2.5;
      view.components.forEach((component, i) => {
        const g = gradient.data[component.index * gradient.strides[0] + step];
        overlay.say(i, parts.format(g));
        if (!Number.isFinite(g)) return;
        const x = axes.x.zero + axes.x.slope * spread(view, g);
        context.strokeStyle = component.color;
        context.beginPath();
        context.moveTo(x, floor);
        context.lineTo(x, floor - 0.16 * axes.y.length);
        context.stroke();
      });
      context.restore();
    },
  };

  panels.rate = {
    legend: (view) => [
      ...components(view),
      ...(view.optimizers.length > 1 ? [{ sign: "┈", name: "the others (median)" }] : []),
    ],
    draw(overlay, view, bundle, step) {
      const context = overlay.begin(overlay.over);
      if (!context) return;
      const axes = overlay.axes();
      const log = logAxis(overlay.graph());
      const { data, strides } = bundle.arrays.rate;
      cursor(context, axes, step, view.colors.text);
      const x = axes.x.zero + axes.x.slope * step;
      view.components.forEach((component, i) => {
        const value = data[component.index * strides[0] + step];
        dot(context, x, height(axes, value, log), component.color, view.colors.surface, 4);
        overlay.say(i, parts.format(value));
      });
      context.restore();
    },
  };

  Object.assign(parts, { panels, spread, height, logAxis });
})();
