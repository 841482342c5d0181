// The frame that belongs to a mode and a position of the slider.
import assert from "node:assert/strict";
import test from "node:test";

import { at, chosenBy, pick, reading } from "#mechanisms/frames.mjs";

/** @type {import("#mechanisms/frames.mjs").Frames} */
const frames = {
  figures: {
    update: {
      moving: {
        x: { values: [0, 1], over: [], smooth: false },
        y: { values: [[[0, 0], [2, 4]], [[1, 1], [5, 9]]], over: ["mode", "position"], smooth: true },
      },
    },
    space: {
      lit: {
        x: { values: [[1], [2], [3]], over: ["position"], smooth: false },
        y: { values: [[4], [5], [6]], over: ["position"], smooth: false },
        z: { values: [[7], [8], [9]], over: ["position"], smooth: false },
      },
    },
  },
  texts: { mode: ["first", "second"], position: ["start", "middle", "end"] },
};

test("between knots a smooth coordinate is interpolated, another one is that of the nearest knot", () => {
  const { update, space } = pick(frames, { mode: 2, position: 250 });
  assert.deepEqual(update.moving, { x: [0, 1], y: [2, 3] });
  assert.deepEqual(space.lit, { x: [2], y: [5], z: [8] });
  assert.deepEqual(pick(frames, { mode: 1, position: 1000 }).update.moving.y, [2, 4]);
  assert.deepEqual(pick(frames, { mode: 1, position: 200 }).space.lit.x, [1]);
});

test("a mode beyond the last one is the last one", () => {
  assert.deepEqual(at(frames.figures.update.moving.y, { mode: 9, position: 0 }), [1, 1]);
});

test("the reading names the mode and the nearest knot", () => {
  assert.equal(reading(frames, { mode: 9, position: 740 }), "second, middle");
  assert.equal(reading({ ...frames, texts: { mode: [], position: ["it has no mode"] } }, { mode: 1, position: 3 }), "it has no mode");
  assert.equal(reading({ ...frames, texts: { mode: [], position: [] } }, { mode: 1, position: 3 }), "");
});

test("pointing chooses a mode, or the position of a knot", () => {
  assert.deepEqual(chosenBy(frames, "mode", 1), { mode: 2 });
  assert.equal(chosenBy(frames, "mode", 2), null);
  assert.deepEqual(chosenBy(frames, "position", 1), { position: 500 });
  assert.equal(chosenBy(frames, "", 1), null);
});
