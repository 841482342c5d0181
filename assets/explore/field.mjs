// A classifier's decision on its plane: a field of colour, and decision boundaries as lines.
import { pixel } from "#explore/axes.mjs";

/** @typedef {import("#explore/panels.mjs").Surface} Surface */

const LOW = { light: [64, 105, 170], dark: [110, 160, 235] };
const HIGH = { light: [190, 140, 30], dark: [230, 185, 80] };

/** @type {HTMLCanvasElement | null} */
let image = null;

/**
 * The subject's decision as a field of colour, every optimizer's decision boundary as a line.
 * @param {Surface} surface
 * @param {ColumnView} view
 * @param {Bundle} bundle
 * @param {number} step
 */
export function drawField(surface, view, bundle, step) {
  const under = surface.begin(surface.under);
  if (!under) return;
  const axes = surface.axes();
  const { data, shape, strides } = bundle.arrays.logits;
  const [, , rows, columns] = shape;
  const [[x0, x1], [y0, y1]] = bundle.about.plane_window;
  const left = pixel(axes.x, x0);
  const top = pixel(axes.y, y1);
  const width = axes.x.slope * (x1 - x0);
  const tall = -axes.y.slope * (y1 - y0);
  const start = view.optimizers[0].row * strides[0] + step * strides[1];
  under.imageSmoothingEnabled = true;
  // Grid values belong to the centres of pixels, and the outermost ones to the window's edges.
  const dx = width / (columns - 1);
  const dy = tall / (rows - 1);
  const picture = paint(data, start, rows, columns, bundle.about.logit_range, view.theme);
  under.drawImage(picture, left - dx / 2, top - dy / 2, width + dx, tall + dy);
  under.restore();

  const context = surface.begin(surface.over);
  if (!context) return;
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

/**
 * One pixel a point of the grid: the surer, the stronger its colour.
 * @param {ArrayLike<number>} data logits from -127 to 127, row by row from the bottom
 * @param {number} start
 * @param {number} rows
 * @param {number} columns
 * @param {number} range the logit that 127 stands for
 * @param {"light" | "dark"} theme
 */
function paint(data, start, rows, columns, range, theme) {
  image ??= document.createElement("canvas");
  image.width = columns;
  image.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (image.getContext("2d"));
  const pixels = context.createImageData(columns, rows);
  const [low, high] = [LOW[theme], HIGH[theme]];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const logit = (data[start + r * columns + c] / 127) * range;
      const sure = Math.tanh(logit / 2); // −1 … 1, twice the probability less one
      const color = sure < 0 ? low : high;
      const at = 4 * ((rows - 1 - r) * columns + c);
      pixels.data[at] = color[0];
      pixels.data[at + 1] = color[1];
      pixels.data[at + 2] = color[2];
      pixels.data[at + 3] = 105 * Math.abs(sure);
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
export function boundary(context, data, start, rows, columns, px, py) {
  context.beginPath();
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const at = start + r * columns + c;
      const a = data[at];
      const b = data[at + 1];
      const d = data[at + columns];
      const e = data[at + columns + 1];
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
