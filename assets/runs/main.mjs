// The Runs page in the browser: the address bar.
import { writeAddress } from "#shared/address.mjs";
import { noUpdate } from "#shared/dash.mjs";

export const callbacks = {
  /** @param {string} link */
  address(link) {
    writeAddress("runs", {}, link);
    return noUpdate();
  },
};
