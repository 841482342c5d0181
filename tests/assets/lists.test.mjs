// The list of jobs, brought up to date by what has changed.
import assert from "node:assert/strict";
import test from "node:test";

import { merged } from "#train/lists.mjs";

const job = (/** @type {string} */ id, state = "finished") =>
  /** @type {any} */ ({ id, state, place: null, submitted: 0 });
const answer = (/** @type {any[]} */ jobs, /** @type {number} */ total) => ({ jobs, total, queue: [], next: 1 });

test("what has changed takes the place of what was known, and what is new is added", () => {
  const before = [job("a"), job("b", "running")];
  const after = merged(before, 3, answer([job("b"), job("c", "queued")], 4)); // one more is too old to be listed
  assert.deepEqual(
    after?.map((one) => [one.id, one.state]),
    [
      ["a", "finished"],
      ["b", "finished"],
      ["c", "queued"],
    ],
  );
});

test("where some are gone, all are asked for again", () => {
  assert.equal(merged([job("a"), job("b")], 2, answer([], 1)), null);
  assert.equal(merged([job("a")], 1, answer([job("b")], 1)), null);
});
