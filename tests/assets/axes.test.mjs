// From numbers to pixels and back.
import assert from "node:assert/strict";
import test from "node:test";

import { axisMap, height, pixel, spread, unspread } from "#explore/axes.mjs";

// As Plotly does it: pixels from the axis's own beginning, rounded to a hundredth.
const axis = (/** @type {[number, number]} */ range, /** @type {number} */ offset, /** @type {number} */ length) => ({
  range,
  _offset: offset,
  _length: length,
  l2p: (/** @type {number} */ value) => Math.round((100 * length * (value - range[0])) / (range[1] - range[0])) / 100,
});

test("the map meets the ends of the axis and is straight between them", () => {
  const map = axisMap(axis([-2, 6], 40, 333));
  assert.ok(Math.abs(pixel(map, -2) - 40) < 1e-9);
  assert.ok(Math.abs(pixel(map, 6) - 373) < 1e-9);
  assert.ok(Math.abs(pixel(map, 2) - (40 + 333 / 2)) < 1e-9);
  assert.deepEqual([map.start, map.length], [40, 333]);
});

test("a vertical axis runs downwards, and a logarithmic one has no place for what is not positive", () => {
  const down = axisMap({ ...axis([0, 4], 10, 200), l2p: (value) => 200 - 50 * value });
  const axes = { x: down, y: down };
  assert.ok(Math.abs(height(axes, 1, false) - 160) < 1e-9);
  assert.ok(Math.abs(height(axes, 100, true) - 110) < 1e-9);
  assert.ok(Number.isNaN(height(axes, 0, true)));
  assert.ok(Number.isNaN(height(axes, -1, true)));
  assert.ok(Number.isFinite(height(axes, 5e-324, true)));
});

test("spreading a gradient is undone exactly where it can be", () => {
  for (const g of [-3, -1e-4, 0, 0.5]) assert.ok(Math.abs(unspread(0.01, spread(0.01, g)) - g) <= 1e-12 * Math.abs(g));
  assert.equal(spread(null, 0.3), 0.3);
});
