// The subject that goes along from page to page.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = /** @type {any} */ ({ getElementById: () => null, querySelector: () => null, body: {} });
globalThis.location = /** @type {any} */ ({ pathname: "/", search: "", hash: "" });
globalThis.addEventListener = () => {};
const { after, taken } = await import("#shared/subject.mjs");
const { isChoice } = await import("#shared/address.mjs");

const OTHERS = ["adam", "momentum"];

test("a page takes what it can show", () => {
  const subject = { task: "rosenbrock", optimizer: "rosenbrock-gru64", outer_step: "11" };
  assert.deepEqual(taken(subject, "any", OTHERS), subject);
  assert.deepEqual(taken(subject, "learned", OTHERS), { task: "rosenbrock", optimizer: "rosenbrock-gru64" });
  assert.deepEqual(taken(subject, "task", OTHERS), { task: "rosenbrock" });
  assert.deepEqual(taken(subject, "", OTHERS), {});
  const own = { task: "rosenbrock", optimizer: "adam:learning_rate=0.1" };
  assert.deepEqual(taken(own, "learned", OTHERS), { task: "rosenbrock" });
  assert.deepEqual(taken({ ...subject, optimizer: "rosenbrock-gru64~repaired" }, "learned", OTHERS).optimizer, "rosenbrock-gru64");
  assert.deepEqual(taken({ outer_step: "11" }, "any", OTHERS), { outer_step: "11" }); // of the default optimizer
});

test("what a page cannot show stays as it was, until another subject is chosen there", () => {
  const before = { task: "rosenbrock", optimizer: "adam" };
  assert.deepEqual(after(before, "learned", "?task=rosenbrock", OTHERS), before);
  assert.deepEqual(after(before, "task", "?task=rosenbrock", OTHERS), before);
  assert.deepEqual(after(before, "learned", "?task=two_moons", OTHERS), { task: "two_moons" });
  assert.deepEqual(after(before, "any", "?task=rosenbrock&step=3", OTHERS), { task: "rosenbrock" });
  assert.deepEqual(after(before, "", "?run=mine", OTHERS), before);
});

test("a task, an optimizer, a snapshot or a view is a step of the history; where the sliders stand is not", () => {
  assert.ok(isChoice("?task=rosenbrock&step=3", "task=two_moons&step=3"));
  assert.ok(isChoice("?outer_step=3", ""));
  assert.ok(isChoice("?view=momentum", "view=clipping"));
  assert.ok(!isChoice("?task=rosenbrock&step=3", "task=rosenbrock&step=4"));
  assert.ok(!isChoice("?mode=2&position=30", "position=31"));
});
