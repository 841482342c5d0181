// Reads a bundle: safetensors, that is eight bytes of header length, a JSON header, raw little-endian arrays.
import { AwayError, request } from "#shared/requests.mjs";

const KEPT = 24; // the latest bundles, so that going back and forth asks nobody
/** @type {Record<string, typeof Float32Array | typeof Int8Array>} */
const TYPES = { F32: Float32Array, I8: Int8Array };

/**
 * @param {ArrayBuffer} buffer
 * @returns {Bundle}
 * @throws with one sentence if the content is not a bundle
 */
export function parseBundle(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const about = JSON.parse(header.__metadata__?.about ?? "{}");
  if (about.format !== "loptscope-bundle/1") {
    throw new Error("The server's answer is not a bundle of this version: reload the page.");
  }
  /** @type {Record<string, BundleArray>} */
  const arrays = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    /** @type {number[]} */
    const shape = entry.shape;
    const [start, end] = entry.data_offsets;
    const Type = TYPES[entry.dtype];
    const data = new Type(buffer, 8 + size + start, (end - start) / Type.BYTES_PER_ELEMENT);
    const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
    arrays[name] = { data, shape, strides };
  }
  return { about, arrays };
}

/** @type {Map<string, Bundle>} */
const kept = new Map();

/**
 * @param {string} key
 * @param {ArrayBuffer} buffer
 */
export function keepBundle(key, buffer) {
  const bundle = parseBundle(buffer);
  kept.set(key, bundle);
  return bundle;
}

/**
 * A bundle, from memory if it is among the latest.
 * @param {string} key
 * @param {string} url
 */
export async function fetchBundle(key, url) {
  const known = kept.get(key);
  if (known) {
    kept.delete(key);
    kept.set(key, known);
    return known;
  }
  const response = await request(url).catch((error) => {
    const reason = error instanceof AwayError ? "the server does not answer." : error.message;
    throw new Error(`The data of this view could not be loaded: ${reason}`);
  });
  const bundle = keepBundle(key, await response.arrayBuffer());
  const [oldest] = kept.keys();
  if (kept.size > KEPT) kept.delete(oldest);
  return bundle;
}
