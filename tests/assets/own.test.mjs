// Sliders of hyperparameters: from positions to values and back; the box beside the pointer.
import assert from "node:assert/strict";
import test from "node:test";

import { positionOf, valueAt, valuesOf } from "#explore/own.mjs";
import { lossAt, valuesAt } from "#explore/tip.mjs";

const RANGES = [
  { name: "learning_rate", low: 1e-5, high: 100, kind: "log", tuned: 1 },
  { name: "beta1", low: 0, high: 0.999, kind: "one_minus_log", tuned: 0.9 },
  { name: "learning_rate_decay", low: 1e-4, high: 1, kind: "zero_or_log", tuned: 0 },
];

test("positions and values belong together, to the digits that are written", () => {
  for (const range of RANGES) {
    for (const position of [0, 1, 137, 500, 999, 1000]) {
      const value = valueAt(range, position);
      assert.ok(Math.abs(positionOf(range, value) - position) <= 1, `${range.name} at ${position}: ${value}`);
    }
  }
  assert.equal(valueAt(RANGES[2], 0), 0);
  assert.equal(valueAt(RANGES[0], 1000), 100);
  assert.equal(valueAt(RANGES[1], 1000), 0.999);
  assert.equal(positionOf(RANGES[0], 1e9), 1000);
});

test("values are read back from a name", () => {
  assert.deepEqual(valuesOf("adam:learning_rate=0.1;beta1=0.9"), { learning_rate: 0.1, beta1: 0.9 });
  assert.deepEqual(valuesOf(""), {});
});

test("the box tells every line's value at a step, and a landscape's loss", () => {
  const traces = [
    { name: "Adam", y: [3, 2, 1e-9], line: { color: "#111111" } },
    { name: "band", y: [1, 2, 3], showlegend: false },
    { name: "path", y: [1, 2] },
  ];
  assert.deepEqual(valuesAt(traces, 2, 2), [{ color: "#111111", name: "Adam", value: "1 × 10⁻⁹" }]);
  const array = (/** @type {number[]} */ data, /** @type {number[]} */ strides) => ({ data: Float32Array.from(data), shape: [], strides });
  const arrays = { surface: array([1, 2, 3, 4], [2, 1]), surface_x: array([0, 1], [1]), surface_y: array([0, 10], [1]) };
  assert.equal(lossAt(/** @type {any} */ ({ arrays }), 0.9, 1), 2);
  assert.equal(lossAt(/** @type {any} */ ({ arrays }), 0, 9), 3);
  assert.equal(lossAt(/** @type {any} */ ({ arrays }), 5, 0), null);
});
