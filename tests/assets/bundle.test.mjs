// Reading a bundle.
import assert from "node:assert/strict";
import test from "node:test";

import { parseBundle } from "#explore/bundle.mjs";

/**
 * @param {object} about
 * @param {object} entries
 * @param {ArrayBuffer} data
 */
function bundle(about, entries, data) {
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: { about: JSON.stringify(about) }, ...entries }));
  const padded = new Uint8Array(8 * Math.ceil(json.length / 8)).fill(32);
  padded.set(json);
  const buffer = new ArrayBuffer(8 + padded.length + data.byteLength);
  new DataView(buffer).setBigUint64(0, BigInt(padded.length), true);
  new Uint8Array(buffer, 8).set(padded);
  new Uint8Array(buffer, 8 + padded.length).set(new Uint8Array(data));
  return buffer;
}

test("arrays are views into the buffer, with shapes and strides", () => {
  const data = new ArrayBuffer(24 + 4);
  new Float32Array(data, 0, 6).set([1, 2, 3, 4, 5, 6]);
  new Int8Array(data, 24).set([-127, 0, 1, 127]);
  const buffer = bundle(
    { format: "loptscope-bundle/1", steps: 2 },
    {
      losses: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
      logits: { dtype: "I8", shape: [1, 2, 2], data_offsets: [24, 28] },
    },
    data,
  );
  const { about, arrays } = parseBundle(buffer);
  assert.equal(about.steps, 2);
  assert.deepEqual([...arrays.losses.data], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(arrays.losses.strides, [3, 1]);
  assert.deepEqual([...arrays.logits.data], [-127, 0, 1, 127]);
  assert.deepEqual(arrays.logits.strides, [4, 2, 1]);
  assert.equal(arrays.losses.data.buffer, buffer);
});

test("another format is refused with a sentence", () => {
  assert.throws(() => parseBundle(bundle({ format: "loptscope-bundle/9" }, {}, new ArrayBuffer(0))), /reload the page/);
});
