// The form of the Train page: how it asks how long a run takes.
import assert from "node:assert/strict";
import test, { mock } from "node:test";

class Output {
  textContent = "";
  title = "";
}
const output = new Output();
const tables = { pages: { train: { path: "/train", link: {} } }, states: {}, untrained: [], titles: {}, readOnly: false };
const elements = new Map(Object.entries({ "train-estimate": output, "loptscope-tables": { textContent: JSON.stringify(tables) } }));
globalThis.document = /** @type {any} */ ({
  getElementById: (/** @type {string} */ id) => elements.get(id) ?? null,
  querySelector: () => null,
  body: {},
});
globalThis.location = /** @type {any} */ ({ pathname: "/train", search: "", hash: "" });
globalThis.addEventListener = () => {};
globalThis.HTMLElement = /** @type {any} */ (Output);
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });

/** @type {{ settings: any, answer: (content: object, status?: number) => void }[]} */
const asked = [];
globalThis.fetch = (_, options) =>
  new Promise((resolve) => {
    const answer = (/** @type {object} */ content, status = 200) => resolve(new Response(JSON.stringify(content), { status }));
    asked.push({ settings: JSON.parse(String(options?.body)), answer });
  });
const { estimate } = await import("#train/form.mjs");
mock.timers.enable({ apis: ["setTimeout"] });

/** Let pass what is due by now, and what follows from that. */
async function pass() {
  mock.timers.tick(1000);
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

const FOUND = { seconds: 60, seconds_per_step: 0.1, measured_steps: 2, measured_problems: 4, measured_unroll: 10, threads: 1 };

test("one question at a time is asked, then that of the newest settings", async () => {
  for (const units of [1, 2, 3]) {
    estimate({ units });
    await pass();
  }
  assert.deepEqual(asked.map(({ settings }) => settings), [{ units: 1 }]);
  assert.equal(output.textContent, "estimating the time…");
  asked[0].answer(FOUND);
  await pass();
  assert.deepEqual(asked.map(({ settings }) => settings), [{ units: 1 }, { units: 3 }]);
  assert.equal(output.textContent, "estimating the time…"); // the answer was that of other settings
  asked[1].answer(FOUND);
  await pass();
  assert.match(output.textContent, /^takes about /);
});

test("a question that is refused keeps no other waiting", async () => {
  asked.length = 0;
  estimate({ units: 1 });
  await pass();
  estimate({ units: 2 });
  await pass();
  asked[0].answer({ error: "other estimates are being measured" }, 429);
  await pass();
  asked[1].answer(FOUND);
  await pass();
  assert.match(output.textContent, /^takes about /);
});
