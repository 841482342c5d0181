// Text of exported figures: one bundled font for screen, SVG, PNG and PDF, so that everything is as wide as it was measured.

export const FAMILY = "DejaVu Sans";
const FILES = { 400: "vendor/dejavu-sans.ttf", 700: "vendor/dejavu-sans-bold.ttf" };
/** @type {Record<string, string>} */
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {unknown} text */
export const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ENTITIES[c]);

/** @type {Promise<Record<string, string>> | null} */
let loading = null;

/** @param {Blob} blob @returns {Promise<string>} its content in base 64 */
const base64 = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^.*,/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** @param {string} file */
async function loaded(file) {
  const response = await fetch(`/assets/${file}`);
  if (!response.ok) throw new Error("The font of exported figures could not be loaded.");
  return base64(await response.blob());
}

/**
 * The font's files by weight, in base 64; the page has them as a font from then on.
 * @returns {Promise<Record<string, string>>}
 */
export function fonts() {
  const holder = document.getElementById("saved-fonts"); // a page that is kept as one file has no server
  const kept = holder ? JSON.parse(holder.textContent ?? "{}") : null;
  loading ??= Promise.all(
    Object.entries(FILES).map(async ([weight, file]) => {
      const content = kept?.[weight] ?? (await loaded(file));
      const face = new FontFace(FAMILY, `url(data:font/ttf;base64,${content})`, { weight });
      document.fonts.add(await face.load());
      return [weight, content];
    }),
  )
    .then((entries) => Object.fromEntries(entries))
    .catch((error) => {
      loading = null;
      throw error;
    });
  return loading;
}

/** @type {CanvasRenderingContext2D | null} */
let pen = null;

/**
 * @param {string} text
 * @param {number} size of the font in px
 * @param {number} [weight]
 */
export function textWidth(text, size, weight = 400) {
  pen ??= document.createElement("canvas").getContext("2d");
  if (!pen) return 0.6 * size * text.length;
  pen.font = `${weight} ${size}px "${FAMILY}"`;
  return pen.measureText(text).width;
}

/**
 * A text broken into lines of a width.
 * @param {string} text
 * @param {number} width
 * @param {number} size
 * @param {number} [weight]
 */
export function wrapped(text, width, size, weight = 400) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && textWidth(longer, size, weight) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
