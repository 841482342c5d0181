// The part of a canvas's context that overlays draw with, written down as SVG.

/** @param {number} value */
const round = (value) => Math.round(value * 100) / 100;

export class Pen {
  strokeStyle = "#000";
  fillStyle = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  lineJoin = "miter";
  imageSmoothingEnabled = true;
  /** @type {string[]} */
  #items = [];
  /** @type {string[]} */
  #path = [];
  /** @type {number[]} */
  #dash = [];

  /** What was drawn, as SVG. */
  get svg() {
    return this.#items.join("");
  }

  beginPath() {
    this.#path = [];
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  moveTo(x, y) {
    this.#path.push(`M${round(x)} ${round(y)}`);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  lineTo(x, y) {
    this.#path.push(`L${round(x)} ${round(y)}`);
  }

  /**
   * A whole circle.
   * @param {number} x
   * @param {number} y
   * @param {number} r
   */
  arc(x, y, r) {
    this.#path.push(`M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`);
  }

  /** @param {number[]} dash */
  setLineDash(dash) {
    this.#dash = dash;
  }

  /** @param {string} style */
  #shape(style) {
    if (this.#path.length) this.#items.push(`<path d="${this.#path.join("")}" ${style} opacity="${this.globalAlpha}"/>`);
  }

  stroke() {
    const dash = this.#dash.length ? ` stroke-dasharray="${this.#dash.join(" ")}"` : "";
    const line = `stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}"`;
    this.#shape(`fill="none" ${line}${dash}`);
  }

  fill() {
    this.#shape(`fill="${this.fillStyle}"`);
  }

  /**
   * @param {HTMLCanvasElement} image
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  drawImage(image, x, y, width, height) {
    const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
    this.#items.push(`<image href="${image.toDataURL()}" ${place} preserveAspectRatio="none"/>`);
  }

  restore() {}
}
