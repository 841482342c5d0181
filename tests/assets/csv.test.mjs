// The numbers of a figure as CSV.
import assert from "node:assert/strict";
import test from "node:test";

import { rowsOf, toCSV } from "#shared/csv.mjs";

/**
 * @param {any[]} traces
 * @param {object} layout
 */
const plot = (traces, layout) =>
  /** @type {any} */ ({ _fullData: traces.map((trace) => ({ visible: true, ...trace })), _fullLayout: layout });

const title = (/** @type {string} */ text) => ({ title: { text } });

test("cells are quoted where they must be, and what is missing is empty", () => {
  const rows = [["a,b", 'say "x"', "two\nlines"], [null, undefined, NaN, -Infinity, 0]];
  assert.equal(toCSV(rows), '"a,b","say ""x""","two\nlines"\n,,NaN,NaN,0\n');
});

test("a text that a spreadsheet would compute is quoted as text, a number is not", () => {
  const rows = [["=1+1", "+cmd", "-2-3", "@SUM(A1)", "\tx"], ["-1.5", -1.5, "+3", "1=1", "−2"]];
  assert.equal(toCSV(rows), "'=1+1,'+cmd,'-2-3,'@SUM(A1),'\tx\n-1.5,-1.5,+3,1=1,−2\n");
});

test("one row a point, with the name of its series and the axes' titles without markup", () => {
  const figure = plot(
    [
      { name: "one", x: new Float64Array([1, 2]), y: [3, null] },
      { name: "hidden", visible: "legendonly", x: [9], y: [9] },
    ],
    { xaxis: title("<b>step</b>"), yaxis: title("10<sup>3</sup>") },
  );
  assert.deepEqual(rowsOf(figure, [["more", 5, ""]]), [
    ["series", "step", "10^3"],
    ["one", 1, 3],
    ["one", 2, null],
    ["more", 5, ""],
  ]);
});

test("a spread axis is undone, and its title says so no more", () => {
  const figure = plot([{ name: "u", x: [0, 1], y: [0, 1] }], { xaxis: title("gradient (symlog)"), yaxis: {} });
  const rows = rowsOf(figure, [], (x) => 10 * Math.sinh(x));
  assert.deepEqual(rows[0], ["series", "gradient", "y"]);
  assert.equal(rows[2][1], 10 * Math.sinh(1));
});

test("fields of colour and curves in space have a third column", () => {
  const field = plot([{ name: "loss", x: [0, 1], y: [5, 6], z: [[1, 2], new Float32Array([3, 4])] }], { xaxis: {}, yaxis: {} });
  assert.deepEqual(rowsOf(field), [
    ["series", "x", "y", "z"],
    ["loss", 0, 5, 1],
    ["loss", 1, 5, 2],
    ["loss", 0, 6, 3],
    ["loss", 1, 6, 4],
  ]);
  const scene = { xaxis: title("a"), yaxis: title("b"), zaxis: title("c") };
  assert.deepEqual(rowsOf(plot([{ name: "path", x: [1], y: [2], z: [3] }], { scene })), [
    ["series", "a", "b", "c"],
    ["path", 1, 2, 3],
  ]);
});
