// Formulas: Dash has no component for MathML, so the server writes it into an attribute.
import { all } from "#shared/elements.mjs";

/** Put in what is not there yet. React leaves alone what it did not make, so once is enough. */
export function writeFormulas() {
  for (const place of all(document, ".formula:empty")) place.innerHTML = place.dataset.math ?? "";
}
