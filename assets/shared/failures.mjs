// What Dash asks the server, and what is said on the page while the answer does not come: Dash itself says nothing.
import { setProps } from "#shared/dash.mjs";
import { ask, sleep } from "#shared/requests.mjs";

const PATIENCE = 1200; // ms until a computation is spoken of
const LOOK = 1500; // ms between two looks at how it stands
const TRIES = 10; // questions that are asked again where the server has no room
const TAB = "X-Loptscope-Tab"; // by it the server knows which of a tab's questions is the newest, and drops the others
const tab = { [TAB]: Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("") };

/** @type {(() => void)[]} */
const listeners = [];

/**
 * Call a function whenever an answer to Dash did not come.
 * @param {() => void} listener
 */
export const onFailure = (listener) => listeners.push(listener);

const notice = () => document.querySelector(".notice[role=status]");

/** @param {string} sentence */
function say(sentence) {
  const place = notice();
  if (place) setProps(place.id, { children: sentence });
}

/** @param {string} sentence */
function fail(sentence) {
  if (!notice()) return;
  say(sentence);
  for (const listener of listeners) listener();
}

/**
 * How a computation stands, in words.
 * @param {{ waiting: boolean, ahead: number | null, seconds: number | null }} found
 */
export function progress({ waiting, ahead, seconds }) {
  if (!waiting) return "";
  if (ahead === null) return `Computing this view: ${Math.round(seconds ?? 0)} s so far…`;
  if (ahead === 0) return "Waiting to be computed: this view is next…";
  return `Waiting to be computed: ${ahead} ${ahead === 1 ? "view" : "views"} before this one…`;
}

let open = 0; // questions without an answer
let spoken = ""; // what is said of them
let telling = false;

async function tell() {
  if (telling) return;
  telling = true;
  await sleep(PATIENCE);
  while (open > 0) {
    const found = await ask("/api/computing", { headers: tab }).catch(() => null);
    const sentence = found && open > 0 ? progress(found) : "";
    if (sentence || spoken) say((spoken = sentence));
    await sleep(LOOK);
  }
  telling = false;
}

function answered() {
  open -= 1;
  if (open || !spoken) return;
  if (notice()?.textContent === spoken) say("");
  spoken = "";
}

const original = window.fetch;

/**
 * A question of Dash, asked again where the server has no room for it yet.
 * @param {RequestInfo | URL} resource
 * @param {RequestInit} [options]
 */
async function question(resource, options) {
  const asked = { ...options, headers: { ...Object.fromEntries(new Headers(options?.headers)), ...tab } };
  for (let tries = 1; ; tries += 1) {
    const response = await original.call(window, resource, asked);
    if (response.status !== 429 || tries === TRIES) return response;
    say((spoken = "The server is busy: this view is asked for again in a moment…"));
    await sleep(1000 * Math.max(1, Number(response.headers.get("Retry-After")) || 1));
  }
}

window.fetch = async function (resource, options) {
  const address = resource instanceof Request ? resource.url : String(resource);
  if (!address.includes("_dash-update-component")) return original.call(window, resource, options);
  open += 1;
  tell();
  try {
    const response = await question(resource, options);
    if (response.status >= 400) {
      const reason = await response
        .clone()
        .json()
        .then((body) => String(body.error ?? ""), () => "");
      fail(`This view could not be drawn: ${reason || `the server answered ${response.status}`}.`);
    }
    return response;
  } catch (error) {
    fail("This view could not be drawn: the server does not answer. The next change tries again.");
    throw error;
  } finally {
    answered();
  }
};
