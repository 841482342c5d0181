// A figure as SVG or PNG at paper quality, with what is drawn over it.
import { all } from "#shared/elements.mjs";

const PER_PIXEL = 4; // of a PNG: 384 dots an inch
const FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
/** @type {Record<string, string>} */
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {unknown} text */
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ENTITIES[c]);

/** @typedef {{ sign: string | null, dashed: boolean, color: string, text: string }} Entry of a legend */

/**
 * The legend of a panel with its values now.
 * @param {HTMLElement | null} panel
 * @returns {Entry[]}
 */
function entriesOf(panel) {
  if (!panel) return [];
  return all(panel, ".readout .chip").map((chip) => {
    const mark = /** @type {HTMLElement} */ (chip.querySelector("i"));
    const value = chip.querySelector("b")?.textContent;
    const sign = mark.className === "sign" ? mark.textContent : null;
    const named = (chip.textContent ?? "").replace(sign ?? "", "").trim();
    const text = chip.title && !named.startsWith(chip.title) ? `${chip.title} ${value}` : named;
    return { sign, dashed: mark.className === "dashed", color: mark.style.getPropertyValue("--mark"), text };
  });
}

/**
 * @param {Entry} entry
 * @param {number} x
 * @param {number} y
 */
function markOf({ dashed, sign, color }, x, y) {
  if (dashed) return `<path d="M${x - 4} ${y + 7}h15" stroke="${escape(color)}" stroke-width="2" stroke-dasharray="4 2"/>`;
  if (sign) return `<text x="${x}" y="${y + 11}" font-size="11">${escape(sign)}</text>`;
  return `<circle cx="${x + 4}" cy="${y + 7}" r="4" fill="${escape(color)}"/>`;
}

/**
 * Wrapped to a width.
 * @param {Entry[]} entries
 * @param {number} width
 * @param {string} color
 * @returns {[string, number]} SVG, and its height
 */
function legend(entries, width, color) {
  const measure = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  measure.font = `11.5px ${FONT}`;
  let [x, y] = [10, 0];
  const items = [];
  for (const entry of entries) {
    const wide = measure.measureText(entry.text).width + 30;
    if (x > 10 && x + wide > width) [x, y] = [10, y + 16];
    items.push(`${markOf(entry, x, y)}<text x="${x + 13}" y="${y + 11}" font-size="11.5">${escape(entry.text)}</text>`);
    x += wide;
  }
  return [`<g fill="${color}">${items.join("")}</g>`, entries.length ? y + 20 : 0];
}

/**
 * A figure as it is now, in its own theme.
 * @param {Plot} plot
 * @param {string} title
 * @param {HTMLElement | null} panel whose legend goes above it
 * @param {{ under: string, over: string } | null} layers SVG of what is drawn under and over it
 */
export async function toSVG(plot, title, panel, layers) {
  const [width, height] = [plot._fullLayout.width, plot._fullLayout.height].map(Math.round);
  const url = await window.Plotly.toImage(plot, { format: "svg", width, height });
  const inner = decodeURIComponent(url.slice(url.indexOf(",") + 1)).replace(/^<svg class="main-svg"/, "<svg");
  const style = getComputedStyle(document.documentElement);
  const [text, surface] = ["--text", "--surface"].map((name) => style.getPropertyValue(name).trim());
  const [key, tall] = legend(entriesOf(panel), width, text);
  const top = 26 + tall;
  let [under, over] = ["", ""];
  if (layers) {
    const { l, t, w, h } = plot._fullLayout._size;
    const placed = (/** @type {string} */ items) =>
      items && `<g transform="translate(0 ${top})" clip-path="url(#plot-area)">${items}</g>`;
    under = `${placed(layers.under)}<clipPath id="plot-area"><rect x="${l}" y="${t}" width="${w}" height="${h}"/></clipPath>`;
    over = placed(layers.over);
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height + top}" ` +
    `viewBox="0 0 ${width} ${height + top}" font-family="${escape(FONT)}">` +
    `<rect width="100%" height="100%" fill="${surface}"/>` +
    `<text x="10" y="18" font-size="13" font-weight="600" fill="${text}">${escape(title)}</text>` +
    `<g transform="translate(0 24)">${key}</g>${under}<g transform="translate(0 ${top})">${inner}</g>${over}</svg>`
  );
}

/**
 * @param {string} svg
 * @returns {Promise<Blob>}
 */
export async function toPNG(svg) {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: image.width * PER_PIXEL, height: image.height * PER_PIXEL });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(PER_PIXEL, PER_PIXEL);
  context.drawImage(image, 0, 0);
  URL.revokeObjectURL(address);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The figure is too large for a PNG."))), "image/png"),
  );
}
