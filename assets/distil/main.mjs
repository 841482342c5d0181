// The Distil page in the browser: formulas, what a number acts on, copying, the address bar.
import { isHere, writeAddress } from "#shared/address.mjs";
import { noUpdate } from "#shared/dash.mjs";
import { all, find } from "#shared/elements.mjs";
import { copyTextOf } from "#shared/files.mjs";
import { writeFormulas } from "#shared/formulas.mjs";

const SAID = 1500; // milliseconds that "Copied" stays

new MutationObserver(() => isHere("distil") && writeFormulas()).observe(document.documentElement, {
  childList: true,
  subtree: true,
});
if (isHere("distil")) writeFormulas();

/** The figure in which the number pointed at or focused acts is lit; none with null.
 * @param {EventTarget | null} target
 */
function light(target) {
  const row = target instanceof Element ? target.closest("[data-lights]") : null;
  const name = row instanceof HTMLElement ? row.dataset.lights : "";
  for (const card of all(document, ".distil .card.lit")) if (card.id !== `distil-${name}`) card.classList.remove("lit");
  if (name) find(`distil-${name}`)?.classList.add("lit");
}

addEventListener("pointerover", (event) => isHere("distil") && light(event.target));
addEventListener("focusin", (event) => isHere("distil") && light(event.target));

addEventListener("click", async (event) => {
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
