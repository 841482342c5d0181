// Outer training as an animation: the outer-step slider moves on by itself, one snapshot at a time.
import { isHere } from "#shared/address.mjs";
import { setProps } from "#shared/dash.mjs";

const EVERY = 450; // ms for one snapshot,
const PAUSE = 80; // and at least from its drawing to the next request

let playing = false;
let position = 0;
let last = 0;
let asked = 0;

function advance() {
  if (!playing || !isHere("mechanisms")) return;
  if (position > last) {
    stop();
    return;
  }
  asked = performance.now();
  setProps("mechanisms-outer", { value: position });
  position += 1;
}

function stop() {
  playing = false;
  document.body.classList.remove("playing");
}

/** The snapshot has been drawn: on to the next one. */
export function drawn() {
  if (playing) setTimeout(advance, Math.max(PAUSE, EVERY - (performance.now() - asked)));
}

/**
 * Play, or stop playing.
 * @returns whether it plays now
 */
export function toggle() {
  if (playing) {
    stop();
    return false;
  }
  const thumb = document.querySelector("#mechanisms-outer [role=slider]");
  if (!thumb || thumb.getAttribute("data-disabled")) return false;
  const at = Number(thumb.getAttribute("aria-valuenow"));
  last = Number(thumb.getAttribute("aria-valuemax"));
  position = at >= last ? 0 : at + 1;
  playing = true;
  document.body.classList.add("playing");
  advance();
  return true;
}
