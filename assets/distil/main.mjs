// The Distil page in the browser: formulas, what a number acts on, copying, the address bar.
import { isHere, writeAddress } from "#shared/address.mjs";
import { noUpdate } from "#shared/dash.mjs";
import { all, find } from "#shared/elements.mjs";
import { copyTextOf } from "#shared/files.mjs";
import { writeFormulas } from "#shared/formulas.mjs";

const SAID = 1500; // milliseconds that "Copied" stays

new MutationObserver(fill).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
fill();

/** The row of the number that is pointed at, in the list or in an equation.
 * @param {EventTarget | null} target
 */
function rowOf(target) {
  if (!(target instanceof Element)) return null;
  const name = target.closest("[data-number]")?.getAttribute("data-number");
  return name ? document.querySelector(`.number[data-name="${name}"]`) : target.closest(".number[data-lights]");
}

/** The number pointed at or focused is lit in the list and in the equations, and the figure in which it acts; nothing with null.
 * @param {EventTarget | null} target
 */
function light(target) {
  const row = rowOf(target);
  const name = row?.getAttribute("data-name");
  const lit = row
    ? [row, find(`distil-${row.getAttribute("data-lights")}`), ...document.querySelectorAll(`[data-number="${name}"]`)]
    : [];
  for (const part of document.querySelectorAll(".distil .lit")) if (!lit.includes(part)) part.classList.remove("lit");
  for (const part of lit) part?.classList.add("lit");
}

/** Sliders stand at logarithms: what a screen reader says is the number itself. */
function sayNumbers() {
  for (const row of all(document, ".distil .number")) {
    const text = row.querySelector(".number-value")?.textContent;
    const thumb = row.querySelector("[role=slider]");
    if (text && thumb?.getAttribute("aria-valuetext") !== text) thumb?.setAttribute("aria-valuetext", text);
  }
}

function fill() {
  if (!isHere("distil")) return;
  writeFormulas();
  sayNumbers();
}

addEventListener("pointerover", (event) => isHere("distil") && light(event.target));
addEventListener("focusin", (event) => isHere("distil") && light(event.target));

addEventListener("click", async (event) => {
  const number = event.target instanceof Element ? event.target.closest("[data-number]") : null;
  const thumb = number && rowOf(number)?.querySelector("[role=slider]");
  if (thumb instanceof HTMLElement) thumb.focus();
  const button = event.target instanceof Element ? event.target.closest(".copy-code") : null;
  const code = button?.closest(".code")?.querySelector("pre");
  if (!button || !code) return;
  event.preventDefault(); // it is within a summary, which would open or close
  button.textContent = (await copyTextOf(code)) ? "Copied" : "Selected";
  setTimeout(() => (button.textContent = "Copy"), SAID);
});

export const callbacks = {
  /** @param {string} link */
  address(link) {
    writeAddress("distil", {}, link);
    return noUpdate();
  },

  /**
   * Every slider back to the trained number.
   * @param {number | undefined} clicks
   * @param {number[]} now
   * @param {number[]} starts
   */
  reset(clicks, now, starts) {
    return clicks && starts.length === now.length ? starts : now.map(() => noUpdate());
  },
};
