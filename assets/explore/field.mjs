// A classifier's decision on its plane: a field of colour, and decision boundaries as lines.
import { pixel } from "#explore/axes.mjs";
import { at } from "#explore/marks.mjs";

/** @typedef {CanvasRenderingContext2D} Context */
/**
 * @template {Mark["kind"]} K
 * @typedef {import("#explore/marks.mjs").Of<K>} Of
 */

/** @type {HTMLCanvasElement | null} */
let image = null;

/**
 * Where the values of a grid lie: they belong to the centres of pixels, and the outermost ones to the window's edges.
 * @param {Axes} axes
 * @param {Of<"field"> | Of<"boundary">} mark
 * @param {number} step
 */
function grid(axes, { values, window }, step) {
  const [rows, columns] = values.counts;
  const [[x0, x1], [y0, y1]] = window;
  const left = pixel(axes.x, x0);
  const bottom = pixel(axes.y, y0);
  const dx = (pixel(axes.x, x1) - left) / (columns - 1);
  const dy = (bottom - pixel(axes.y, y1)) / (rows - 1);
  return { rows, columns, left, bottom, dx, dy, start: values.base + step * values.byStep };
}

/**
 * A decision as a field of colour.
 * @param {Context} context
 * @param {Axes} axes
 * @param {Of<"field">} mark
 * @param {number} step
 */
export function drawField(context, axes, mark, step) {
  const { rows, columns, left, bottom, dx, dy, start } = grid(axes, mark, step);
  const picture = paint(mark, at(mark.unit, step), start, rows, columns);
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, left - dx / 2, bottom - (rows - 0.5) * dy, columns * dx, rows * dy);
}

/**
 * A decision boundary as a line.
 * @param {Context} context
 * @param {Axes} axes
 * @param {Of<"boundary">} mark
 * @param {number} step
 */
export function drawBoundary(context, axes, mark, step) {
  const { rows, columns, left, bottom, dx, dy, start } = grid(axes, mark, step);
  boundary(context, mark.values.data, start, rows, columns, (c) => left + c * dx, (r) => bottom - r * dy);
  context.strokeStyle = mark.color;
  context.lineWidth = mark.width;
  context.stroke();
}

/** @param {string} color as in #be8c1e */
const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

/**
 * One pixel a point of the grid: the surer, the stronger its colour.
 * @param {Of<"field">} mark its values lie row by row from the bottom
 * @param {number} unit of its values
 * @param {number} start
 * @param {number} rows
 * @param {number} columns
 */
function paint({ values, color, positive, opacity }, unit, start, rows, columns) {
  image ??= document.createElement("canvas");
  image.width = columns;
  image.height = rows;
  const context = /** @type {Context} */ (image.getContext("2d"));
  const pixels = context.createImageData(columns, rows);
  const [low, high] = [color, positive].map(channels);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const sure = Math.tanh((values.data[start + r * columns + c] * unit) / 2); // −1 … 1, twice the probability less one
      const shown = sure < 0 ? low : high;
      const corner = 4 * ((rows - 1 - r) * columns + c);
      pixels.data[corner] = shown[0];
      pixels.data[corner + 1] = shown[1];
      pixels.data[corner + 2] = shown[2];
      pixels.data[corner + 3] = 255 * opacity * Math.abs(sure);
    }
  }
  context.putImageData(pixels, 0, 0);
  return image;
}

/**
 * Marching squares for the zero level: on every cell, straight pieces between the edges that change sign.
 * @param {Pick<CanvasRenderingContext2D, "beginPath" | "moveTo" | "lineTo">} context
 * @param {ArrayLike<number>} data
 * @param {number} start
 * @param {number} rows
 * @param {number} columns
 * @param {(column: number) => number} px
 * @param {(row: number) => number} py
 */
function boundary(context, data, start, rows, columns, px, py) {
  context.beginPath();
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const corner = start + r * columns + c;
      const a = data[corner];
      const b = data[corner + 1];
      const d = data[corner + columns];
      const e = data[corner + columns + 1];
      if (a > 0 === b > 0 && b > 0 === d > 0 && d > 0 === e > 0) continue;
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
