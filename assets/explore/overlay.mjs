// Canvases over and under a Plotly graph: sized to it, clipped to its plot area, mapped by its axes.
import { axisMap } from "#explore/axes.mjs";
import { all, make, need, plotIn } from "#shared/elements.mjs";

/** @typedef {{ step: number | null, component: number | null, optimizer: string | null }} Lit */
/** @typedef {CanvasRenderingContext2D} Context */

/** @type {WeakMap<HTMLElement, { entries: string, values: Text[] }>} the legend of each readout */
const legends = new WeakMap();

export class Overlay {
  /** @type {Text[]} */
  #values = [];
  /** @type {Record<string, number | string | null | undefined>} */
  #lit = {};

  /**
   * @param {string} name of the panel
   * @param {number} column
   */
  constructor(name, column = 0) {
    this.name = name;
    this.column = column;
    this.panel = need(column ? `${name}-panel-${column + 1}` : `${name}-panel`);
    this.plot = /** @type {HTMLElement} */ (this.panel.querySelector(".plot"));
    this.over = /** @type {HTMLCanvasElement} */ (this.panel.querySelector("canvas.over"));
    this.under = /** @type {HTMLCanvasElement} */ (this.panel.querySelector("canvas.under"));
    this.readout = /** @type {HTMLElement} */ (this.panel.querySelector(".readout"));
  }

  graph() {
    return plotIn(this.plot);
  }

  /**
   * Whether Plotly has drawn the figure of this view.
   * @param {ColumnView} view
   */
  shows({ moving }) {
    const graph = this.graph();
    const drawn = graph?._fullLayout?.xaxis && graph.layout?.meta;
    return Boolean(drawn && drawn.key === moving[this.name].figure);
  }

  /**
   * A canvas cleared and clipped to the plot area, or null if there is nothing to draw on.
   * @param {HTMLCanvasElement} canvas
   * @param {boolean} further whether it is drawn on further, so that nothing is cleared
   * @returns {Context | null}
   */
  begin(canvas, further = false) {
    const layout = this.graph()?._fullLayout;
    if (!layout?.xaxis) return null;
    const { xaxis, yaxis, width, height } = layout;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = /** @type {Context} */ (canvas.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!further) context.clearRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
    context.clip();
    return context;
  }

  clear() {
    for (const canvas of [this.over, this.under]) canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
  }

  /** @returns {Axes} */
  axes() {
    const { xaxis, yaxis } = this.graph()?._fullLayout ?? {};
    return { x: axisMap(xaxis), y: axisMap(yaxis) };
  }

  /** Whether the vertical axis is logarithmic. */
  get log() {
    return this.graph()?._fullLayout.yaxis.type === "log";
  }

  /**
   * Chips with values that change; those that are there already stay, with their values.
   * @param {Chip[]} entries
   */
  legend(entries) {
    const wanted = JSON.stringify(entries);
    const there = legends.get(this.readout);
    if (there?.entries === wanted) {
      this.#values = there.values;
      return;
    }
    this.readout.replaceChildren();
    this.#values = entries.map((entry) => {
      const chip = make("span", { className: "chip" });
      if (entry.component !== undefined) chip.dataset.component = String(entry.component);
      if (entry.optimizer !== undefined) chip.dataset.optimizer = entry.optimizer;
      if (entry.title) chip.title = entry.title;
      const mark = make("i", { className: entry.sign ? "sign" : entry.dashed ? "dashed" : "" }, entry.sign);
      if (!entry.sign) mark.style.setProperty("--mark", entry.color ?? "");
      const text = document.createTextNode("");
      chip.append(mark, entry.name, " ", make("b", {}, text));
      this.readout.append(chip);
      return text;
    });
    legends.set(this.readout, { entries: wanted, values: this.#values });
  }

  /**
   * Light the chips of what is lit.
   * @param {Lit} lit
   */
  mark(lit) {
    for (const key of /** @type {const} */ (["component", "optimizer"])) {
      if (this.#lit[key] === lit[key]) continue;
      this.#lit[key] = lit[key];
      for (const chip of all(this.readout, `[data-${key}]`)) {
        chip.classList.toggle("lit", chip.dataset[key] === String(lit[key]));
      }
    }
  }

  /**
   * @param {number} index of the chip
   * @param {string} text
   */
  say(index, text) {
    const node = this.#values[index];
    if (node && node.data !== text) node.data = text;
  }
}
