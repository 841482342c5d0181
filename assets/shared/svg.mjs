// A figure as SVG or PNG at paper quality, with what is drawn over it, and its data as CSV.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const PER_PIXEL = 4; // of a PNG: 384 dots an inch
  const FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
  const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const round = (value) => Math.round(value * 100) / 100;

  // The part of a canvas's context that overlays draw with, written down as SVG.
  class Pen {
    constructor() {
      this.items = [];
      this.path = [];
      this.dash = [];
      Object.assign(this, { strokeStyle: "#000", fillStyle: "#000", lineWidth: 1, globalAlpha: 1, lineJoin: "miter" });
    }
    beginPath() { this.path = []; }
    moveTo(x, y) { this.path.push(`M${round(x)} ${round(y)}`); }
    lineTo(x, y) { this.path.push(`L${round(x)} ${round(y)}`); }
    arc(x, y, r) {
      this.path.push(`M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`);
    }
    setLineDash(dash) { this.dash = dash; }
    shape(style) {
      if (this.path.length) this.items.push(`<path d="${this.path.join("")}" ${style} opacity="${this.globalAlpha}"/>`);
    }
    stroke() {
      const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
      this.shape(`fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}"${dash}`);
    }
    fill() { this.shape(`fill="${this.fillStyle}"`); }
    drawImage(image, x, y, width, height) {
      const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
      this.items.push(`<image href="${image.toDataURL()}" ${place} preserveAspectRatio="none"/>`);
    }
    restore() {}
  }

  // What is drawn under and over a panel at this step, as two groups of SVG.
  function layers(overlay, view, bundle) {
    const pens = new Map([[overlay.under, new Pen()], [overlay.over, new Pen()]]);
    const copy = Object.create(overlay);
    copy.begin = (canvas) => pens.get(canvas);
    copy.say = () => {};
    parts.panels[overlay.name].draw(copy, view, bundle, window.loptscope.step);
    return [...pens.values()].map((pen) => pen.items.join(""));
  }

  // Wrapped to a width: [{text, color, sign}] -> [SVG, height].
  function legend(entries, width, color) {
    const measure = document.createElement("canvas").getContext("2d");
    measure.font = `11.5px ${FONT}`;
    let [x, y] = [10, 0];
    const items = [];
    for (const entry of entries) {
      const wide = measure.measureText(entry.text).width + 30;
      if (x > 10 && x + wide > width) [x, y] = [10, y + 16];
      const mark = entry.dashed
        ? `<path d="M${x - 4} ${y + 7}h15" stroke="${escape(entry.color)}" stroke-width="2" stroke-dasharray="4 2"/>`
        : entry.sign
        ? `<text x="${x}" y="${y + 11}" font-size="11">${escape(entry.sign)}</text>`
        : `<circle cx="${x + 4}" cy="${y + 7}" r="4" fill="${escape(entry.color)}"/>`;
      items.push(`${mark}<text x="${x + 13}" y="${y + 11}" font-size="11.5">${escape(entry.text)}</text>`);
      x += wide;
    }
    return [`<g fill="${color}">${items.join("")}</g>`, entries.length ? y + 20 : 0];
  }

  function chips(panel) {
    if (!panel) return [];
    return [...panel.querySelectorAll(".readout .chip")].map((chip) => {
      const mark = chip.querySelector("i");
      const sign = mark.className === "sign" ? mark.textContent : null;
      const named = chip.textContent.replace(sign || "", "").trim();
      const value = chip.querySelector("b").textContent;
      return { sign, dashed: mark.className === "dashed", color: mark.style.getPropertyValue("--mark"), text: chip.title && !named.startsWith(chip.title) ? `${chip.title} ${value}` : named };
    });
  }

  // {plot, title, panel, column: {view, bundle}} -> SVG of the figure as it is now, in its own theme.
  parts.toSVG = async function ({ plot, title, panel, overlay, column }) {
    const [width, height] = [plot._fullLayout.width, plot._fullLayout.height].map(Math.round);
    const url = await window.Plotly.toImage(plot, { format: "svg", width, height });
    const inner = decodeURIComponent(url.slice(url.indexOf(",") + 1)).replace(/^<svg class="main-svg"/, "<svg");
    const style = getComputedStyle(document.documentElement);
    const [text, surface] = ["--text", "--surface"].map((name) => style.getPropertyValue(name).trim());
    const [key, tall] = legend(chips(panel), width, text);
    const top = 26 + tall;
    let [under, over] = ["", ""];
    if (overlay && column) {
      const size = plot._fullLayout._size;
      [under, over] = layers(overlay, column.view, column.bundle).map(
        (items) => items && `<g transform="translate(0 ${top})" clip-path="url(#plot-area)">${items}</g>`,
      );
      under += `<clipPath id="plot-area"><rect x="${size.l}" y="${size.t}" width="${size.w}" height="${size.h}"/></clipPath>`;
    }
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height + top}" ` +
      `viewBox="0 0 ${width} ${height + top}" font-family="${escape(FONT)}">` +
      `<rect width="100%" height="100%" fill="${surface}"/>` +
      `<text x="10" y="18" font-size="13" font-weight="600" fill="${text}">${escape(title)}</text>` +
      `<g transform="translate(0 24)">${key}</g>${under}<g transform="translate(0 ${top})">${inner}</g>${over}</svg>`
    );
  };

  parts.toPNG = async function (svg) {
    const image = new Image();
    const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: image.width * PER_PIXEL, height: image.height * PER_PIXEL });
    const context = canvas.getContext("2d");
    context.scale(PER_PIXEL, PER_PIXEL);
    context.drawImage(image, 0, 0);
    URL.revokeObjectURL(address);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  };

  const cell = (value) => {
    const text = value === null || value === undefined ? "" : typeof value === "number" && !Number.isFinite(value) ? "NaN" : String(value);
    return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const plain = (text) => String(text || "").replace(/<sup>/g, "^").replace(/<[^>]*>/g, "");

  // Every number of a figure: one line a point, with the name of its series; and what is drawn over it at this step.
  parts.toCSV = function ({ plot, overlay, column }) {
    const { xaxis, yaxis, scene } = plot._fullLayout;
    const axes = scene ? [scene.xaxis, scene.yaxis, scene.zaxis] : [xaxis, yaxis];
    const names = axes.map((axis, i) => plain(axis && axis.title && axis.title.text) || "xyz"[i]);
    const spread = overlay && column && column.view.symlog && ["update", "gradient"].includes(overlay.name);
    const back = (x) => (spread ? column.view.scale * Math.sinh(x) : x); // the axis shows asinh(gradient / scale)
    const rows = [];
    let third = Boolean(scene);
    for (const trace of plot._fullData) {
      if (trace.visible !== true || !trace.x || !trace.y) continue;
      const grid = trace.z && Array.isArray(trace.z) | ArrayBuffer.isView(trace.z) && !scene;
      third = third || grid;
      if (grid) trace.z.forEach((line, r) => line.forEach((z, c) => rows.push([trace.name, trace.x[c], trace.y[r], z])));
      else Array.from(trace.x).forEach((x, i) => rows.push([trace.name, back(x), trace.y[i], ...(trace.z ? [trace.z[i]] : [])]));
    }
    if (overlay && column) {
      const at = window.loptscope.step;
      for (const line of parts.lines(overlay.name, column.view, column.bundle, at)) {
        if (line.stepped) continue; // a trace already
        for (let i = 0; i < line.count; i++) rows.push([`${line.name} at inner step ${at}`, back(line.x(i)), line.tick ? "" : line.y(i)]);
      }
    }
    const head = ["series", ...names.map((name) => (spread ? name.replace(" (symlog)", "") : name)), ...(third && names.length < 3 ? ["z"] : [])];
    return [head, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  };

  parts.download = function (name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
})();
