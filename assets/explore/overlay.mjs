// Canvases over and under a Plotly graph: sized to it, clipped to its plot area, mapped by its axes.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});

  class Overlay {
    constructor(name, column = 0) {
      this.name = name;
      this.column = column;
      this.panel = document.getElementById(column ? `${name}-panel-${column + 1}` : `${name}-panel`);
      this.plot = this.panel.querySelector(".plot");
      this.over = this.panel.querySelector("canvas.over");
      this.under = this.panel.querySelector("canvas.under");
      this.readout = this.panel.querySelector(".readout");
      this.chips = [];
    }

    graph() {
      return this.plot.querySelector(".js-plotly-plot");
    }

    // Whether Plotly has drawn the figure of this view.
    shows(key, theme) {
      const graph = this.graph();
      const meta = graph && graph._fullLayout && graph.layout && graph.layout.meta;
      return Boolean(meta && meta.key === key && meta.theme === theme && graph._fullLayout.xaxis);
    }

    // A canvas cleared (unless it is drawn on further) and clipped to the plot area, or null if there is nothing to draw on.
    begin(canvas, further = false) {
      const graph = this.graph();
      if (!graph || !graph._fullLayout || !graph._fullLayout.xaxis) return null;
      const { _size: size, width, height } = graph._fullLayout;
      const ratio = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (!further) context.clearRect(0, 0, width, height);
      context.save();
      context.beginPath();
      context.rect(size.l, size.t, size.w, size.h);
      context.clip();
      return context;
    }

    clear() {
      for (const canvas of [this.over, this.under]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }

    // Straight-line maps from (linearised) axis values to pixels: p = zero + slope * value. Plotly rounds l2p to a hundredth
    // of a pixel, so the slope is taken over the whole axis.
    axes() {
      const { xaxis, yaxis } = this.graph()._fullLayout;
      const map = (axis) => {
        const [low, high] = axis.range;
        const slope = (axis.l2p(high) - axis.l2p(low)) / (high - low);
        return { zero: axis._offset + axis.l2p(low) - slope * low, slope, start: axis._offset, length: axis._length };
      };
      return { x: map(xaxis), y: map(yaxis) };
    }

    // Legend entries with live values: [{color, name, dashed, component or optimizer} or {sign, name}] -> one chip each.
    legend(entries) {
      this.readout.replaceChildren();
      this.chips = entries.map((entry) => {
        const chip = document.createElement("span");
        chip.className = "chip";
        for (const key of ["component", "optimizer"]) if (entry[key] !== undefined) chip.dataset[key] = entry[key];
        const mark = document.createElement("i");
        if (entry.sign) mark.textContent = entry.sign;
        else mark.style.setProperty("--mark", entry.color);
        mark.className = entry.sign ? "sign" : entry.dashed ? "dashed" : "";
        const value = document.createElement("b");
        const text = document.createTextNode("");
        value.append(text);
        if (entry.title) chip.title = entry.title;
        chip.append(mark, entry.name, " ", value);
        this.readout.append(chip);
        return text;
      });
    }

    // Light the chips of what is lit.
    mark(lit) {
      for (const key of ["component", "optimizer"]) {
        if (this[key] === lit[key]) continue;
        this[key] = lit[key];
        for (const chip of this.readout.querySelectorAll(`[data-${key}]`)) {
          chip.classList.toggle("lit", chip.dataset[key] === String(lit[key]));
        }
      }
    }

    say(index, text) {
      const node = this.chips[index];
      if (node && node.data !== text) node.data = text;
    }
  }

  // Three significant digits, the same width at every step.
  parts.format = function (value) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text = size >= 1e-3 && size < 1e4 ? value.toPrecision(3) : value.toExponential(1);
    return text.replace("e-", "e−").replace("e+", "e").replace(/^-/, "−");
  };

  parts.Overlay = Overlay;
})();
