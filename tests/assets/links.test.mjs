// Links: what is written is read back, and what an empty link says is left out.
import assert from "node:assert/strict";
import test from "node:test";

import { parse, toQuery } from "#shared/links.mjs";

const DEFAULTS = { text: "", sort: "-when", open: "", shown: "adam,sgd" };

test("fields that an empty link says are left out, the others are written in their order", () => {
  assert.equal(toQuery(DEFAULTS, DEFAULTS), "");
  assert.equal(toQuery(DEFAULTS, { ...DEFAULTS, sort: "title" }, "task=rosenbrock"), "task=rosenbrock&sort=title");
  assert.equal(toQuery(DEFAULTS, { shown: "adam", text: "x" }), "shown=adam&text=x");
});

test("commas, slashes and at signs stay readable, everything else is escaped", () => {
  assert.equal(toQuery({}, { open: "zoo/a@5", shown: "a,b" }), "open=zoo/a@5&shown=a,b");
  assert.equal(toQuery({}, { text: "a b&c=d+é%" }), "text=a+b%26c%3Dd%2B%C3%A9%25");
});

test("a link is read back as it was written", () => {
  const values = { text: "50% of & = + # é", sort: "title", open: "own/x", shown: "none" };
  assert.deepEqual(parse(DEFAULTS, `?${toQuery(DEFAULTS, values)}`), values);
  assert.deepEqual(parse(DEFAULTS, "?sort=when&nonsense=1"), { ...DEFAULTS, sort: "when" });
});
