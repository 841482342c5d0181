// What the Library says of recordings.
import assert from "node:assert/strict";
import test from "node:test";

import { stepsOf, titleOf } from "#library/recorded-rows.mjs";

/** @param {Record<string, unknown>} changes */
const recording = (changes) => /** @type {any} */ ({ name: "mine", title: "", steps: 5000, recorded: 5000, ...changes });

test("a recording has its title, or its name", () => {
  assert.equal(titleOf(recording({})), "mine");
  assert.equal(titleOf(recording({ title: "Digits" })), "Digits");
});

test("steps that are not recorded are told", () => {
  assert.equal(stepsOf(recording({})), "5,000 steps");
  assert.equal(stepsOf(recording({ recorded: 3072 })), "5,000 steps, 3,072 recorded");
});
