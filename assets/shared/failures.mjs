// Dash says nothing on the page when a callback's answer does not come: a sentence does.
import { setProps } from "#shared/dash.mjs";

/** @type {(() => void)[]} */
const listeners = [];

/**
 * Call a function whenever an answer to Dash did not come.
 * @param {() => void} listener
 */
export const onFailure = (listener) => listeners.push(listener);

/** @param {string} sentence */
function fail(sentence) {
  const notice = document.querySelector(".notice[role=status]");
  if (!notice) return;
  setProps(notice.id, { children: sentence });
  for (const listener of listeners) listener();
}

const original = window.fetch;
window.fetch = async function (resource, options) {
  const address = resource instanceof Request ? resource.url : String(resource);
  const ofDash = address.includes("_dash-update-component");
  try {
    const response = await original.call(window, resource, options);
    if (ofDash && response.status >= 400) fail(`This view could not be drawn: the server answered ${response.status}.`);
    return response;
  } catch (error) {
    if (ofDash) fail("This view could not be drawn: the server does not answer. The next change tries again.");
    throw error;
  }
};
