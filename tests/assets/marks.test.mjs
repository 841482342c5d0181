// Marks: where their numbers lie, what is lit, what the chips read.
import assert from "node:assert/strict";
import test from "node:test";

import { drawMarks } from "#explore/drawing.mjs";
import { at, count, prepareAll, resolve } from "#explore/marks.mjs";
import { Pen } from "#shared/pen.mjs";

const LAST = 3; // steps
/** @param {number[]} shape @returns {BundleArray} filled with the places of its entries: 123 is at [1][2][3] */
function places(...shape) {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const size = shape.reduce((a, b) => a * b, 1);
  const digits = (/** @type {number} */ i) => strides.reduce((sum, stride, k) => 10 * sum + (Math.floor(i / stride) % shape[k]), 0);
  return { data: Float32Array.from({ length: size }, (_, i) => digits(i)), shape, strides };
}
const arrays = { paths: places(3, LAST + 1, 2), update: places(2, LAST + 1, 5), gradient: places(2, LAST + 1) };
/** @type {Bundle} */
const bundle = { about: { steps: LAST }, arrays };

test("a reference is read at any step", () => {
  const x = resolve({ array: "paths", index: [2, ":step", 1] }, arrays);
  assert.deepEqual([0, 2].map((step) => count(x, step)), [1, 3]);
  assert.equal(at(x, 2, 1), 211);
  const y = resolve({ array: "update", index: [1, "step", ":"] }, arrays);
  assert.equal(count(y, 3), 5);
  assert.equal(at(y, 3, 4), 134);
  assert.equal(at(resolve({ array: "gradient", index: [1, "step"] }, arrays), 2), 12);
});

const owner = { component: 1, color: "#123456", name: "x2" };
const gradient = { array: "gradient", index: [1, "step"] };
const steps = { array: "steps", index: ["step"] };
/** @type {Moving} */
const moving = {
  figure: "key",
  marks: [
    { kind: "cursor", x: steps, color: "#000", name: "", width: 1, opacity: 0.5 },
    { kind: "point", x: steps, y: gradient, ring: "#fff", radius: 5, edge: 1.5, reading: gradient, lights: "track", ...owner },
  ],
  legend: [
    { name: "x1", component: 0, dashed: false },
    { name: "x2", component: 1, dashed: false },
  ],
  spread: null,
  startable: false,
};
const view = (/** @type {Moving} */ one) => /** @type {any} */ ({ moving: { panel: one } });

test("a point's track has a point for each step, and its chip reads its number", () => {
  const { panel } = prepareAll(view(moving), bundle);
  assert.equal(panel.steps, true);
  assert.equal(panel.lines.length, 1);
  const [line] = panel.lines;
  assert.ok(line.kind === "line" && line.stepped);
  assert.equal(count(line.x, 0), LAST + 1);
  assert.deepEqual([at(line.x, 0, 2), at(line.y, 0, 2)], [2, 12]);
  assert.equal(panel.readings[0], undefined);
  assert.equal(panel.readings[1] && at(panel.readings[1], 3), 13);
});

test("horizontal numbers are spread, what a chip reads is not", () => {
  /** @type {Moving} */
  const spread = { ...moving, spread: 2, marks: [{ kind: "tick", x: gradient, width: 2, height: 0.16, reading: gradient, lights: "mark", ...owner }] };
  const { panel } = prepareAll(view(spread), bundle);
  const [tick] = panel.lines;
  assert.ok(Math.abs(at(tick.x, 3) - Math.asinh(13 / 2)) < 1e-12);
  assert.equal(panel.readings[1] && at(panel.readings[1], 3), 13);
});

test("marks are drawn where their axes say, in their order", () => {
  const pen = /** @type {any} */ (new Pen());
  const axis = { zero: 10, slope: 2, start: 0, length: 100 };
  /** @type {[number, string][]} */
  const said = [];
  const canvas = /** @type {any} */ ({ width: 1, height: 1 });
  const surface = { under: canvas, over: canvas, log: false, begin: () => pen, axes: () => ({ x: axis, y: axis }) };
  const { panel } = prepareAll(view(moving), bundle);
  drawMarks({ ...surface, say: (...one) => said.push(one) }, panel, 3);
  const shapes = pen.svg.match(/d="[^"]*"/g);
  assert.equal(shapes[0], 'd="M16 0L16 100"');
  assert.match(shapes[1], /^d="M11 36a5 5 /); // a circle around x = 10 + 2 · 3, y = 10 + 2 · 13
  assert.deepEqual(said, [[1, "13.0"]]);
});
