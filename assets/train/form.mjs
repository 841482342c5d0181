// The form of the Train page: what its controls hold, how long that would take, and starting it.
import { isHere } from "#shared/address.mjs";
import { setProps } from "#shared/dash.mjs";
import { need, say } from "#shared/elements.mjs";
import { about, readable } from "#shared/numbers.mjs";
import { post, sentenceOf, sleep } from "#shared/requests.mjs";
import { readOnly } from "#shared/tables.mjs";

const STILL = 700; // ms without a change, after which it is measured how long a run takes
const PATIENCE = 400000; // ms: more than the server takes where others come first, and what is measured is loaded again for each
/** @type {Record<string, boolean | null>} */
const RECOMPUTE = { auto: null, yes: true, no: false };

/**
 * What the controls hold, as Dash lists them, by the names of the settings.
 * @param {Control[]} controls
 * @returns {Record<string, any>}
 */
export function settings(controls) {
  const given = controls.map(({ id, value }) => [id.replace(/^train-(set-)?/, ""), value === "" || value === undefined ? null : value]);
  const found = Object.fromEntries(given);
  found.recompute = RECOMPUTE[found.recompute];
  try {
    found.task_parameters = JSON.parse(found.task_parameters || "{}");
  } catch {
    // what is not JSON goes as it is, and is refused with a sentence
  }
  if (!found.start) delete found.start;
  return found;
}

let measuring = 0;
/** @type {Promise<unknown>} until the last question is answered: the server measures one run at a time, and lets few wait */
let answered = Promise.resolve();

/**
 * Say how long a run of these settings takes, or nothing without settings.
 * One question at a time is asked, then that of the newest settings, none of those between.
 * @param {object | null} body
 */
export async function estimate(body) {
  const mine = (measuring += 1);
  const outdated = () => mine !== measuring || !isHere("train");
  say("train-estimate", "");
  if (!body || readOnly) return;
  await sleep(STILL);
  if (outdated() || !navigator.onLine) return;
  say("train-estimate", "estimating the time…");
  await answered;
  if (outdated()) return;
  const question = post("/api/estimate", body, PATIENCE);
  answered = question.catch(() => {});
  try {
    const found = await question;
    if (outdated()) return;
    say("train-estimate", `takes about ${about(found.seconds)} on this machine`);
    const of = `${found.measured_steps} outer steps of ${found.measured_problems} problems and ${found.measured_unroll} inner steps`;
    const how = found.measured_steps ? `measured on ${of}` : "computed from its size, since measuring would take too long";
    need("train-estimate").title =
      `${readable(found.seconds_per_step, 2)} s per outer step, ${how}, ${found.threads} threads`;
  } catch {
    if (!outdated()) say("train-estimate", "");
  }
}

/**
 * Start a run.
 * @param {object} body
 * @param {(job: any) => void} started
 */
export async function start(body, started) {
  setProps("train-go", { loading: true });
  try {
    const job = await post("/api/jobs", body, 20000);
    setProps("train-refusal", { children: "" });
    setProps("train-start", { data: null });
    started(job);
  } catch (error) {
    setProps("train-refusal", { children: sentenceOf(error) });
  }
  setProps("train-go", { loading: false });
}
