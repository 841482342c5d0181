// The legend of an exported figure: every line and mark with its name, wrapped to a width.
import { escape, textWidth } from "#export/text.mjs";

/**
 * @typedef {object} Entry
 * @property {string} text
 * @property {string} color
 * @property {string} [dash] Plotly's name of it
 * @property {string} [symbol] Plotly's name of it, for marks
 * @property {boolean} [line]
 * @property {string} [sign] a character instead
 * @property {number} [opacity]
 */

/** @type {Record<string, string>} */
const DASHES = { dot: "1.5 2", dash: "4 2.5", dashdot: "5 2 1.5 2", longdash: "7 3" };
/** @type {[RegExp, string][]} */
const SYMBOLS = [
  [/^star-open/, "☆"],
  [/^star/, "★"],
  [/^diamond-open/, "◇"],
  [/^diamond/, "◆"],
  [/^triangle-up/, "▲"],
  [/^triangle-right/, "▶"],
  [/^x/, "✕"],
  [/^circle-open/, "○"],
];

/** @param {unknown} value the first of a list, or the value itself */
const one = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? /** @type {any} */ (value)[0] : value);

/** @param {string} color */
const isColor = (color) => /^(#|rgb)/.test(color);

/**
 * What a trace looks like in a legend.
 * @param {any} trace as Plotly has completed it
 * @returns {Entry}
 */
function entry(trace) {
  const { mode = "", line, marker, name, opacity } = trace;
  const lined = mode.includes("lines") && line?.width !== 0;
  const marked = mode.includes("markers");
  const color = lined ? line.color : String(one(marker?.color) ?? "");
  const filled = !lined && !marked ? trace.fillcolor : undefined;
  return {
    text: name,
    color: filled ?? (isColor(String(color)) ? String(color) : (line?.color ?? "#808080")),
    dash: lined ? line.dash : undefined,
    symbol: marked || filled ? String(one(marker?.symbol) ?? (filled ? "square" : "circle")) : undefined,
    line: lined,
    opacity: opacity ?? 1,
  };
}

/**
 * The entries of a figure: each name once, in the order of the figure.
 * @param {any[]} traces as Plotly has completed them
 * @returns {Entry[]}
 */
export function entriesOf(traces) {
  const named = traces.filter(
    ({ visible, showlegend, name, type }) =>
      visible === true && showlegend !== false && name && !/^trace \d+$/.test(name) && !/contour|heatmap/.test(type ?? ""),
  );
  return [...new Map(named.map((trace) => [trace.name, entry(trace)])).values()];
}

/**
 * @param {Entry} entry
 * @param {number} x
 * @param {number} y of the baseline
 * @param {number} size of the font
 */
function mark({ color, dash, symbol, line, sign, opacity = 1 }, x, y, size) {
  const middle = y - 0.32 * size;
  const parts = [];
  if (line) {
    const dashes = DASHES[dash ?? ""] ? ` stroke-dasharray="${DASHES[dash ?? ""]}"` : "";
    parts.push(`<path d="M${x} ${middle}h${1.9 * size}" stroke="${escape(color)}" stroke-width="1.6" fill="none"${dashes}/>`);
  }
  const character = sign ?? SYMBOLS.find(([pattern]) => pattern.test(symbol ?? ""))?.[1];
  const centre = x + 0.95 * size;
  if (character) {
    const fill = sign ? "currentColor" : escape(color);
    parts.push(`<text x="${centre}" y="${y}" text-anchor="middle" font-size="${size}" fill="${fill}">${escape(character)}</text>`);
  } else if (symbol === "square") {
    parts.push(`<rect x="${centre - 0.45 * size}" y="${middle - 0.35 * size}" width="${0.9 * size}" height="${0.7 * size}" fill="${escape(color)}"/>`);
  } else if (symbol || !line) parts.push(`<circle cx="${centre}" cy="${middle}" r="${0.36 * size}" fill="${escape(color)}"/>`);
  return `<g opacity="${opacity}">${parts.join("")}</g>`;
}

/**
 * A legend wrapped to a width.
 * @param {Entry[]} entries
 * @param {number} width
 * @param {number} size of the font
 * @param {string} color of the text
 * @returns {{ svg: string, height: number }}
 */
export function legend(entries, width, size, color) {
  const [row, before] = [1.45 * size, 2.4 * size];
  let [x, y] = [0, size];
  const items = [];
  for (const each of entries) {
    const wide = before + textWidth(each.text, size);
    if (x > 0 && x + wide > width) [x, y] = [0, y + row];
    items.push(mark(each, x, y, size));
    items.push(`<text x="${x + before}" y="${y}" font-size="${size}">${escape(each.text)}</text>`);
    x += wide + 1.1 * size;
  }
  return { svg: `<g fill="${color}" color="${color}">${items.join("")}</g>`, height: entries.length ? y + 0.45 * size : 0 };
}
