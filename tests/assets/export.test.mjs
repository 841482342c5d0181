// Sizes, legends and layouts of exported figures; the subject that goes along; which changes are a step of the browser's history.
import assert from "node:assert/strict";
import test from "node:test";

import { entriesOf } from "#export/legend.mjs";
import { sized } from "#export/render.mjs";
import { SIZES, fontPixels, grid, pixels, refusal, scaleOf } from "#export/sizes.mjs";

test("a column of a journal is as wide as it says, at 600 dots an inch", () => {
  assert.equal(pixels(25.4), 96);
  assert.equal(fontPixels(72), 96);
  assert.equal(SIZES.column.width, 89);
  assert.equal(SIZES.page.width, 183);
  assert.equal(Math.round(pixels(SIZES.column.width) * scaleOf(89)), Math.round((89 / 25.4) * 600));
});

test("a size that cannot be drawn is refused with a sentence", () => {
  assert.equal(refusal({ width: 89, height: 60, font: 7 }), "");
  assert.match(refusal({ width: 5, height: 60, font: 7 }), /^The width must be a number from 30 to 500 mm\.$/);
  assert.match(refusal({ width: 89, height: 60, font: NaN }), /^The font must be a number from 4 to 40 pt\.$/);
});

test("panels stand in a grid that fills the width", () => {
  const { places, width, rows } = grid(5, 2, 210, 10);
  assert.deepEqual([width, rows], [100, 3]);
  assert.deepEqual(places.map(({ x, row }) => [x, row]), [[0, 0], [110, 0], [0, 1], [110, 1], [0, 2]]);
  assert.equal(grid(1, 3, 210, 10).width, 210);
});

test("every line has its entry once; what is hidden, auxiliary or nameless has none", () => {
  const line = { type: "scatter", mode: "lines", visible: true, line: { color: "#123456", width: 2, dash: "dot" } };
  const dots = { type: "scatter", mode: "markers", visible: true, marker: { color: ["#aaaaaa", "#bbbbbb"], symbol: "star" } };
  const found = entriesOf([
    { ...line, name: "Adam" },
    { ...line, name: "Adam" },
    { ...line, name: "hidden", visible: "legendonly" },
    { ...line, name: "band", showlegend: false },
    { ...line, name: "trace 3" },
    { ...dots, name: "minimum" },
    { type: "contour", name: "loss", visible: true },
  ]);
  assert.deepEqual(found.map(({ text }) => text), ["Adam", "minimum"]);
  assert.deepEqual([found[0].color, found[0].dash, found[0].line], ["#123456", "dot", true]);
  assert.deepEqual([found[1].color, found[1].symbol, found[1].line], ["#aaaaaa", "star", false]);
});

test("letters of every axis have the size asked for, and a zoom stays", () => {
  const layout = { font: { size: 12, color: "#111" }, xaxis: { range: [1, 2], title: { text: "step" } }, yaxis: {}, xaxis2: {}, margin: { r: 60 } };
  const after = sized(layout, 300, 200, 9);
  assert.deepEqual([after.width, after.height, after.showlegend], [300, 200, false]);
  assert.deepEqual(after.xaxis.range, [1, 2]);
  for (const axis of [after.xaxis, after.yaxis, after.xaxis2]) assert.equal(axis.tickfont.size, 9);
  assert.equal(after.xaxis.title.font.size, 9);
  assert.equal(after.margin.r, 60); // words stand there
  assert.equal(layout.font.size, 12); // the figure on the page is as it was
});
