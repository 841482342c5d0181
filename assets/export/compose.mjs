// A file of one figure or of all of a view: what they are at the top, each with its legend, in a grid.
import { entriesOf, legend } from "#export/legend.mjs";
import { render } from "#export/render.mjs";
import { fontPixels, grid, pixels } from "#export/sizes.mjs";
import { FAMILY, escape, fonts, wrapped } from "#export/text.mjs";

/** @typedef {import("#export/render.mjs").Source} Source */
/**
 * How a file looks.
 * @typedef {object} Look
 * @property {number} width of the file in mm
 * @property {number} height in mm: of the file if it holds one figure, else of each
 * @property {number} font in pt
 * @property {number} columns of several figures
 * @property {boolean} named whether it says what it shows
 * @property {boolean} legend
 * @property {boolean} marked whether the step is marked
 * @property {string} text the colour of text
 * @property {string} surface the colour behind everything
 */

const FAMILIES = `'${FAMILY}', Arial, Helvetica, sans-serif`;

/**
 * Lines of text at the left of a place.
 * @param {string[]} lines
 * @param {number} y of the top
 * @param {number} size
 * @param {number} [weight]
 */
function written(lines, y, size, weight = 400) {
  const text = (/** @type {string} */ line, /** @type {number} */ i) =>
    `<text x="0" y="${y + size + i * 1.3 * size}" font-size="${size}" font-weight="${weight}">${escape(line)}</text>`;
  return { svg: lines.map(text).join(""), height: lines.length * 1.3 * size };
}

/**
 * One figure with its title and its legend.
 * @param {Source} source
 * @param {Look} look
 * @param {{ width: number, height: number, font: number, letter: string }} place
 */
async function panel(source, look, { width, height, font, letter }) {
  const name = letter ? `${letter}  ${source.title}` : source.title;
  const title = look.named ? written(wrapped(name, width, font, 700), 0, font, 700) : { svg: "", height: 0 };
  const keys = look.legend ? (source.legend?.(look.marked) ?? entriesOf(source.plot._fullData ?? [])) : [];
  const key = legend(keys, width, 0.95 * font, look.text);
  const top = title.height + (key.height ? key.height + 0.3 * font : 0);
  const svg = await render(source, width, Math.max(height - top, 6 * font), font, look.marked);
  const tall = Math.max(height, top + 6 * font);
  return {
    svg: `${title.svg}<g transform="translate(0 ${title.height})">${key.svg}</g><g transform="translate(0 ${top})">${svg}</g>`,
    height: tall,
  };
}

/**
 * The whole file as SVG with text as text; its size is in millimetres.
 * @param {Source[]} sources
 * @param {string} title of several
 * @param {Look} look
 * @returns {Promise<string>}
 */
export async function compose(sources, title, look) {
  const files = await fonts();
  const [font, width] = [fontPixels(look.font), pixels(look.width)];
  const edge = 0.6 * font;
  const inner = width - 2 * edge;
  const several = sources.length > 1;
  const words = (/** @type {string[]} */ said) => [...new Set(said.filter(Boolean))].join(" / ");
  const about = [words(sources.map((one) => one.about)), words(sources.map((one) => one.at(look.marked)))].filter(Boolean).join(", ");
  const head = several && look.named ? written(wrapped(title, inner, 1.1 * font, 700), 0, 1.1 * font, 700) : { svg: "", height: 0 };
  const said = look.named && about ? written(wrapped(about, inner, 0.9 * font), head.height, 0.9 * font) : { svg: "", height: 0 };
  const top = head.height + said.height + (said.height ? 0.4 * font : 0);
  const gap = 1.6 * font;
  const { places, width: wide, rows } = grid(sources.length, several ? look.columns : 1, inner, gap);
  const tall = several ? pixels(look.height) : pixels(look.height) - top - 2 * edge;
  /** @type {{ svg: string, height: number }[]} */
  const drawn = [];
  for (const [i, source] of sources.entries()) {
    const letter = several ? "abcdefghijklmnopqrstuvwxyz"[i % 26] : "";
    drawn.push(await panel(source, look, { width: wide, height: tall, font, letter }));
  }
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(...drawn.filter((_, i) => places[i].row === row).map((one) => one.height)),
  );
  const starts = heights.map((_, row) => top + heights.slice(0, row).reduce((sum, one) => sum + one + gap, 0));
  const placed = drawn.map(({ svg }, i) => `<g transform="translate(${places[i].x} ${starts[places[i].row]})">${svg}</g>`);
  const height = starts[rows - 1] + heights[rows - 1] + 2 * edge;
  const mm = (height / width) * look.width;
  const faces = Object.entries(files).map(
    ([weight, content]) =>
      `@font-face{font-family:'${FAMILY}';font-weight:${weight};src:url(data:font/ttf;base64,${content})}`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${look.width}mm" height="${mm.toFixed(3)}mm" ` +
    `viewBox="0 0 ${width} ${height}" font-family="${escape(FAMILIES)}" fill="${look.text}"><style>${faces.join("")}</style>` +
    `<title>${escape([several ? title : sources[0].title, about].filter(Boolean).join(": "))}</title>` +
    `<rect width="${width}" height="${height}" fill="${look.surface}"/>` +
    `<g transform="translate(${edge} ${edge})">${head.svg}${said.svg}${placed.join("")}</g></svg>`
  );
}

