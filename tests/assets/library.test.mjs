// Sorting and filtering the library's rows.
import assert from "node:assert/strict";
import test from "node:test";

import { kindOf, saidOf } from "#library/import.mjs";
import { fits, inOrder, keyOf } from "#library/order.mjs";

const TASKS = { rosenbrock: "Rosenbrock", two_moons: "Two moons" };
const ANY = { text: "", task: "any", cell: "any", origin: "any", state: "any", sort: "-when" };

/** @param {Record<string, unknown>} changes */
const entry = (changes) =>
  /** @type {any} */ ({
    kind: "own", name: "a", title: "", note: "", task: "rosenbrock", cell: "gru", label: "GRU-64", origin: "trained",
    state: "finished", when: 5, curve: { last: 1 }, held_out: null, parameters: 10, ...changes,
  });

/**
 * @param {any[]} entries
 * @param {string} sort
 */
const names = (entries, sort) => inOrder(entries, sort).map((one) => one.name);

test("filters that say any let everything through, others only what has their value", () => {
  assert.ok(fits(entry({}), ANY, TASKS));
  for (const [name, other] of [["task", "two_moons"], ["cell", "lstm"], ["state", "failed"], ["origin", "shipped"]]) {
    assert.ok(!fits(entry({}), { ...ANY, [name]: other }, TASKS), name);
  }
  assert.ok(fits(entry({ kind: "zoo" }), { ...ANY, origin: "shipped" }, TASKS));
});

test("every word of the text must be somewhere in what is said of a run", () => {
  const one = entry({ title: "My Best", note: "with warm-up", task: "two_moons" });
  for (const text of ["best", "  MOONS my ", "gru-64 warm", "trained"]) assert.ok(fits(one, { ...ANY, text }, TASKS), text);
  assert.ok(!fits(one, { ...ANY, text: "best lstm" }, TASKS));
});

test("names are sorted as people count, titles before names", () => {
  const entries = [entry({ name: "run10" }), entry({ name: "run9" }), entry({ name: "zz", title: "Alpha" })];
  assert.deepEqual(names(entries, "title"), ["zz", "run9", "run10"]);
  assert.deepEqual(names(entries, "-title"), ["run10", "run9", "zz"]);
});

test("what has no value comes last whichever way, equals stay in the server's order", () => {
  const entries = [
    entry({ name: "none" }),
    entry({ name: "low", held_out: { mean: 1 } }),
    entry({ name: "high", held_out: { mean: 20 } }),
    entry({ name: "equal", held_out: { mean: 1 } }),
  ];
  assert.deepEqual(names(entries, "held_out"), ["low", "equal", "high", "none"]);
  assert.deepEqual(names(entries, "-held_out"), ["high", "low", "equal", "none"]);
  assert.deepEqual(names([entry({ name: "b", curve: { last: null } }), entry({ name: "c" })], "last"), ["c", "b"]);
});

test("sorting leaves the list alone", () => {
  const entries = [entry({ name: "b", when: 1 }), entry({ name: "a", when: 2 })];
  assert.deepEqual(names(entries, "-when"), ["a", "b"]);
  assert.deepEqual(entries.map(keyOf), ["own/b", "own/a"]);
});

test("an import says first what kind of file it was given, then what is missing", () => {
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
  assert.equal(kindOf(bytes("PK\u0003\u0004"), false), "a zip archive (PyTorch's .pt and .pth, and .npz)");
  assert.equal(kindOf(new Uint8Array([0x80, 4, 0x95]), false), "a pickle");
  assert.equal(kindOf(bytes('{"a": 1}'), false), "a JSON or text file");
  assert.equal(kindOf(new Uint8Array(), false), "an empty file");
  assert.equal(kindOf(new Uint8Array([1, 2, 3]), false), "of a kind that is not known here");
  assert.match(saidOf("a.pt", "a pickle", null), /^a\.pt is a pickle\. Weights are imported from safetensors/);
  const bare = { config: null, units: 8, cell: "gru" };
  assert.match(saidOf("a", "a safetensors file", bare), /the weights of a gru with 8 units\. It does not contain its features/);
  assert.match(saidOf("a", "a safetensors file", { ...bare, config: {} }), /nothing is missing/);
});
