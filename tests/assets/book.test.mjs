// What is kept of the events of a run.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Book } from "#train/book.mjs";

/** @type {(first: number, last: number) => import("#train/book.mjs").Steps} */
const steps = (first, last) => {
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return { kind: "steps", points: { outer_step: numbers, meta_loss: numbers.map((number) => 1 / number) } };
};

/** @type {(state: string, outer_step: number) => import("#train/book.mjs").StateEvent} */
const state = (name, outer_step) => ({ kind: "state", state: name, time: 0, outer_step, message: "" });

test("a run that was left between two saves has no more steps than were saved", () => {
  const book = new Book();
  for (const event of [state("running", 0), steps(1, 30), state("stopped", 20)]) book.add(event);
  assert.equal(book.count(), 20);
  for (const event of [state("queued", 0), state("running", 20), steps(21, 25)]) book.add(event);
  assert.equal(book.count(), 25);
  assert.equal(book.losses[24], 1 / 25);
});

test("what is told twice is the same", () => {
  const book = new Book();
  for (const event of [steps(1, 3), steps(2, 3)]) book.add(event);
  assert.equal(book.count(), 3);
});
