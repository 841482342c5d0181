// Tables as CSV.

// A spreadsheet would compute a text that begins like this, and a text may come from somebody else.
const FORMULA = /^[=+\-@\t\r]/;

/** @param {unknown} value */
function cell(value) {
  if (value === null || value === undefined) return "";
  const shown = typeof value === "number" && !Number.isFinite(value) ? "NaN" : String(value);
  const text = FORMULA.test(shown) && Number.isNaN(Number(shown)) ? `'${shown}` : shown;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/**
 * One line a row.
 * @param {unknown[][]} rows
 */
export const toCSV = (rows) => rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";

/**
 * A title without its markup.
 * @param {string | undefined} text
 */
const plain = (text) => (text ?? "").replace(/<sup>/g, "^").replace(/<[^>]*>/g, "");

/**
 * Every number of a figure, one row a point with the name of its series; the titles of its axes first.
 * @param {Plot} plot
 * @param {any[][]} [more] rows of what is drawn over it
 * @param {(x: number) => number} [back] undoes how the horizontal axis is spread
 */
export function rowsOf(plot, more = [], back) {
  const { xaxis, yaxis, scene } = plot._fullLayout;
  const axes = scene ? [scene.xaxis, scene.yaxis, scene.zaxis] : [xaxis, yaxis];
  const names = axes.map((axis, i) => plain(axis?.title?.text) || "xyz"[i]);
  const x = back ?? ((/** @type {number} */ value) => value);
  const rows = [];
  /** @type {string} */
  let third = scene ? "z" : "";
  for (const trace of plot._fullData ?? []) {
    if (trace.visible !== true || !trace.x || !trace.y) continue;
    const { log10 } = trace.meta ?? {}; // its numbers are the logarithms of these
    const grid = !scene && trace.z && (Array.isArray(trace.z) || ArrayBuffer.isView(trace.z));
    if (grid) {
      third = log10 ?? "z";
      for (const [r, line] of Array.from(trace.z).entries()) {
        for (const [c, z] of Array.from(line).entries()) rows.push([trace.name, trace.x[c], trace.y[r], log10 ? 10 ** z : z]);
      }
    } else {
      for (const [i, value] of Array.from(trace.x).entries()) {
        rows.push([trace.name, x(value), trace.y[i], ...(trace.z ? [trace.z[i]] : [])]);
      }
    }
  }
  const titles = names.map((name) => (back ? name.replace(" (symlog)", "") : name));
  return [["series", ...titles, ...(third && names.length < 3 ? [third] : [])], ...rows, ...more];
}
