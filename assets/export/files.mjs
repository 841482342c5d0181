// Exported figures as files: the SVG itself, PNG at the resolution of print, PDF whose lines and letters stay lines and letters.
import { scaleOf } from "#export/sizes.mjs";
import { FAMILY, fonts } from "#export/text.mjs";

/** @param {string} svg @returns {SVGSVGElement} */
function parsed(svg) {
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  return /** @type {any} */ (document.importNode(root, true));
}

/**
 * @param {string} svg
 * @param {number} width in mm
 * @returns {Promise<Blob>}
 */
export async function toPNG(svg, width) {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  image.src = address;
  await image.decode();
  const scale = scaleOf(width);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The figure is too large for a PNG."))), "image/png"),
  );
}

// What a style sheet says of text in shares of something is written down in pixels, and spaces that the browser keeps are kept.
/** @param {SVGSVGElement} root in the page */
function settleText(root) {
  for (const part of root.querySelectorAll("text, tspan")) {
    const { fontSize, fontWeight } = getComputedStyle(part);
    part.setAttribute("font-size", String(parseFloat(fontSize)));
    part.setAttribute("font-weight", Number(fontWeight) >= 600 ? "bold" : "normal");
    if (part instanceof SVGElement) {
      part.style.removeProperty("font-size");
      part.style.removeProperty("font-weight");
      part.style.removeProperty("font-family");
    }
    const shift = part.getAttribute("dy");
    if (shift?.endsWith("em")) part.setAttribute("dy", String(parseFloat(shift) * parseFloat(fontSize)));
  }
}

/**
 * @param {string} svg
 * @returns {Promise<Blob>}
 */
export async function toPDF(svg) {
  const [files] = await Promise.all([fonts(), import("#vendor/jspdf.mjs")]);
  await import("#vendor/svg2pdf.mjs"); // it adds itself to the other one
  const { jsPDF } = /** @type {any} */ (window).jspdf;
  const root = parsed(svg);
  root.querySelector("style")?.remove();
  const holder = document.createElement("div");
  holder.style.cssText = "position:fixed;left:-20000px;top:0";
  holder.append(root);
  document.body.append(holder);
  try {
    settleText(root);
    root.setAttribute("font-family", FAMILY);
    const [width, height] = ["width", "height"].map((name) => parseFloat(root.getAttribute(name) ?? ""));
    const file = new jsPDF({ unit: "mm", format: [width, height], orientation: width >= height ? "landscape" : "portrait", compress: true });
    for (const [weight, content] of Object.entries(files)) {
      const style = weight === "700" ? "bold" : "normal";
      file.addFileToVFS(`font-${weight}.ttf`, content);
      file.addFont(`font-${weight}.ttf`, FAMILY, style);
    }
    file.setFont(FAMILY, "normal");
    file.setProperties({ title: root.querySelector("title")?.textContent ?? "", creator: "Loptscope" });
    await file.svg(root, { x: 0, y: 0, width, height });
    return file.output("blob");
  } finally {
    holder.remove();
  }
}
