// Long series as few points, and axes around them.
import assert from "node:assert/strict";
import test from "node:test";

import { logAxis, median, runningMedian, thinned } from "#train/series.mjs";

test("a median is of what is finite", () => {
  assert.equal(median([3, null, 1, NaN, 2]), 2);
  assert.equal(median([10, 2, 33]), 10); // as numbers, not as text
  assert.equal(median([null, Infinity]), null);
});

test("running medians follow the middle and skip what is not finite", () => {
  const found = runningMedian([5, 1, 100, 2, null, 3]);
  assert.deepEqual(found.x, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(found.y, [5, 5, 5, 3, 3, 3]);
  const long = runningMedian(Array.from({ length: 30_000 }, (_, i) => i));
  assert.ok(long.x.length <= 1500);
  assert.equal(long.y[700], long.x[700] - 1);
});

test("a short series is drawn as it is", () => {
  assert.deepEqual(thinned([3, null, 1]), { x: [1, 2, 3], y: [3, null, 1] });
});

test("of a long series the least and the largest of each stretch stay, in order", () => {
  const losses = Array.from({ length: 100_000 }, (_, i) => 1 + (i % 7));
  losses[12_345] = 0.001;
  losses[54_321] = 900;
  const { x, y } = thinned(losses);
  assert.ok(x.length <= 4000);
  assert.equal(y[x.indexOf(12_346)], 0.001);
  assert.equal(y[x.indexOf(54_322)], 900);
  assert.ok(x.every((step, i) => i === 0 || step > x[i - 1]));
});

test("a stretch that is not finite stays a gap", () => {
  /** @type {(number | null)[]} */
  const losses = Array(8000).fill(1);
  losses.fill(null, 2000, 3000);
  const { x, y } = thinned(losses);
  assert.ok(x.some((step, i) => step > 2100 && step < 2900 && y[i] === null));
});

test("a log axis lies around what is positive, with ticks that can be read", () => {
  const { range, tickvals, ticktext } = logAxis([0.02, 1.5, null, -4]);
  assert.ok(range[0] < Math.log10(0.02) && range[1] > Math.log10(1.5));
  assert.equal(tickvals.length, ticktext.length);
  assert.ok(ticktext.includes("0.05") && ticktext.includes("1"));
  assert.ok(logAxis([1e-9, 1e3]).range[1] < 1.7); // what diverges does not squeeze the rest
  assert.ok(logAxis([1e-9, 1]).ticktext.includes("10<sup>−8</sup>"));
  assert.deepEqual(logAxis([]).range, [-2.1, 0.1]);
});
