// The sizes of exported figures. Lengths on paper are millimetres, fonts points, everything drawn CSS pixels.

const DPI = 96; // CSS pixels an inch
const MM = 25.4; // an inch
const POINTS = 72;

/** @typedef {{ title: string, width: number, height: number, font: number, columns: number }} Size columns: of panels side by side */

/** Widths of journals' columns, and a 16:9 slide; the height is that of one figure. */
/** @type {Record<string, Size>} */
export const SIZES = {
  column: { title: "One column, 89 mm", width: 89, height: 62, font: 7, columns: 1 },
  page: { title: "Two columns, 183 mm", width: 183, height: 80, font: 7, columns: 2 },
  slide: { title: "Slide, 254 × 143 mm", width: 254, height: 143, font: 14, columns: 3 },
};

/** @param {number} mm */
export const pixels = (mm) => (mm / MM) * DPI;
/** @param {number} points */
export const fontPixels = (points) => (points / POINTS) * DPI;

const LIMITS = { width: [30, 500], height: [25, 500], font: [4, 40] };

/**
 * Why a size cannot be drawn, in a sentence; "" if it can.
 * @param {{ width: number, height: number, font: number }} size
 */
export function refusal(size) {
  for (const [name, [low, high]] of Object.entries(LIMITS)) {
    const value = /** @type {Record<string, number>} */ (size)[name];
    const unit = name === "font" ? "pt" : "mm";
    if (!(value >= low && value <= high)) return `The ${name} must be a number from ${low} to ${high} ${unit}.`;
  }
  return "";
}

/**
 * How many dots an inch a raster image of a width has: 600, fewer where the file would be huge.
 * @param {number} width in mm
 */
export const dotsPerInch = (width) => (width <= 200 ? 600 : 300);

/** @param {number} width in mm @returns {number} dots for one CSS pixel */
export const scaleOf = (width) => dotsPerInch(width) / DPI;

/**
 * Where panels of a size lie in a grid.
 * @param {number} count
 * @param {number} columns at most
 * @param {number} width of the whole, in px
 * @param {number} gap in px
 */
export function grid(count, columns, width, gap) {
  const across = Math.min(count, columns);
  const wide = (width - (across - 1) * gap) / across;
  const places = Array.from({ length: count }, (_, i) => ({
    x: (i % across) * (wide + gap),
    row: Math.floor(i / across),
  }));
  return { places, width: wide, rows: Math.ceil(count / across) };
}
