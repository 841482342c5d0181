// A control that is dragged asks for one view at a time, then for the newest position, never for those between.
import { setProps } from "#shared/dash.mjs";

const PATIENCE = 15000; // ms after which an unanswered request is given up

export class Latest {
  /** @type {string | number | null} */
  #waiting = null;
  #asked = -Infinity;
  #of = "";

  /** @param {string} store whose data is what is asked for */
  constructor(store) {
    this.store = store;
  }

  /**
   * @param {string | number} value
   * @param {string} of what it belongs to: another one's is asked for at once
   * @returns {boolean} whether it may be asked for now
   */
  take(value, of) {
    if (of === this.#of && performance.now() - this.#asked < PATIENCE) {
      this.#waiting = value;
      return false;
    }
    this.#of = of;
    this.#asked = performance.now();
    this.#waiting = null;
    return true;
  }

  /** The server has answered, or will not: the newest value is asked for. */
  free() {
    this.#asked = -Infinity;
    if (this.#waiting === null) return;
    setProps(this.store, { data: this.#waiting });
    this.#asked = performance.now();
    this.#waiting = null;
  }
}
