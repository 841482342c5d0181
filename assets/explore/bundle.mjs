// Reads a bundle: safetensors, that is eight bytes of header length, a JSON header, raw little-endian arrays.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const TYPES = { F32: Float32Array, I8: Int8Array };

  // -> {about, arrays: {name: {data, shape, strides}}}; throws with one sentence if the content is not a bundle.
  parts.parseBundle = function (buffer) {
    const size = Number(new DataView(buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
    const about = JSON.parse((header.__metadata__ || {}).about || "{}");
    if (about.format !== "loptscope-bundle/1") {
      throw new Error("The server sent something that is not a bundle of this version: reload the page.");
    }
    const arrays = {};
    for (const [name, entry] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      const [start, end] = entry.data_offsets;
      const Type = TYPES[entry.dtype];
      const data = new Type(buffer, 8 + size + start, (end - start) / Type.BYTES_PER_ELEMENT);
      const strides = entry.shape.map((_, i) => entry.shape.slice(i + 1).reduce((a, b) => a * b, 1));
      arrays[name] = { data, shape: entry.shape, strides };
    }
    return { about, arrays };
  };

  const kept = new Map(); // the latest bundles, so that going back and forth asks nobody

  parts.keepBundle = function (key, buffer) {
    const bundle = parts.parseBundle(buffer);
    kept.set(key, bundle);
    return bundle;
  };

  parts.fetchBundle = async function (key, url) {
    if (kept.has(key)) {
      const bundle = kept.get(key);
      kept.delete(key);
      kept.set(key, bundle);
      return bundle;
    }
    const response = await fetch(url).catch(() => {
      throw new Error("The data of this view could not be loaded: the server does not answer.");
    });
    if (!response.ok) {
      const reason = await response.json().then((body) => body.error, () => response.statusText);
      throw new Error(`The data of this view could not be loaded: ${reason}`);
    }
    const bundle = parts.keepBundle(key, await response.arrayBuffer());
    if (kept.size > 24) kept.delete(kept.keys().next().value);
    return bundle;
  };
})();
