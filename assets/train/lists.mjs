// What the Train page lists: runs, snapshots, links, the log. Where nothing new is said, nothing is drawn anew.
import { all, make } from "#shared/elements.mjs";
import { clock, whole } from "#shared/numbers.mjs";
import { readOnly } from "#shared/tables.mjs";

/** @typedef {Record<string, any> & { id: string, state: string, place: number | null, submitted: number }} Job */

/**
 * Put children into a parent only if they say something new: what has the focus keeps it.
 * @param {HTMLElement | null} parent
 * @param {string} key what they say
 * @param {() => (Node | string)[]} children
 */
function put(parent, key, children) {
  if (!parent || parent.dataset.key === key) return;
  const active = document.activeElement;
  const focus = active instanceof HTMLElement && parent.contains(active) ? active.dataset.focus : undefined;
  parent.dataset.key = key;
  parent.replaceChildren(...children());
  if (focus) all(parent, "[data-focus]").find((one) => one.dataset.focus === focus)?.focus();
}

/** @type {Record<string, number>} what comes first; all that is over comes last */
const RANK = { running: 0, paused: 1, queued: 2 };

/**
 * Running ones first, then the queue in its order, then what is over, the newest first.
 * @param {Job[]} jobs
 */
export function inOrder(jobs) {
  const rank = (/** @type {Job} */ job) => RANK[job.state] ?? 3;
  const within = (/** @type {Job} */ a, /** @type {Job} */ b) =>
    a.state === "queued" ? Number(a.place) - Number(b.place) : b.submitted - a.submitted;
  return [...jobs].sort((a, b) => rank(a) - rank(b) || within(a, b));
}

/** @typedef {{ jobs: Job[], queue: string[], total: number, next: number }} Answer what the server lists */

/**
 * The jobs after an answer that holds only what has changed; null if some are gone, so that all are to be asked for again.
 * @param {Job[]} before
 * @param {number} total how many there were
 * @param {Answer} found
 */
export function merged(before, total, found) {
  const known = new Map(before.map((job) => [job.id, job]));
  const added = found.jobs.filter((job) => !known.has(job.id)).length;
  if (total + added !== found.total) return null;
  for (const job of found.jobs) known.set(job.id, job);
  return [...known.values()];
}

/**
 * @param {Job} job
 * @param {string} act
 * @param {string} text
 * @param {string} label
 * @param {boolean} [disabled]
 */
function tool(job, act, text, label, disabled = false) {
  const data = { "data-act": act, "data-run": job.id, "data-place": String(job.place), "data-focus": `${act} ${job.id}` };
  const labels = { title: label, "aria-label": `${label}: ${job.id}` };
  return make("button", { type: "button", className: "small", disabled, ...data, ...labels }, text);
}

/**
 * @param {Job} job
 * @param {string} chosen the run that is shown
 * @param {number} waiting runs in the queue
 */
function entry(job, chosen, waiting) {
  const share = job.outer_steps ? job.outer_step / job.outer_steps : 0;
  const data = { "data-act": "open", "data-run": job.id, "data-focus": job.id, "aria-current": String(job.id === chosen) };
  const open = make(
    "button",
    { type: "button", className: "run", ...data },
    make("span", { className: "run-name", title: job.id }, job.title || job.id),
    make("span", { className: "bar", "aria-hidden": "true", style: `--share: ${share}` }),
    make("span", { className: "value" }, `${whole(job.outer_step)} of ${whole(job.outer_steps)} outer steps`),
    make("span", { className: "state", "data-state": job.state }, job.state),
  );
  const place = Number(job.place);
  const tools =
    job.state === "queued" && !readOnly
      ? make(
          "span",
          { className: "tools" },
          tool(job, "earlier", "↑", "Earlier", place === 0),
          tool(job, "later", "↓", "Later", place >= waiting - 1),
          tool(job, "drop", "×", "Cancel"),
        )
      : null;
  const compare = { href: `/runs?sweep=${job.sweep}`, className: "sweep", title: "Compare the runs of this sweep" };
  return make("li", {}, open, job.sweep ? make("a", compare, job.sweep) : null, tools);
}

/**
 * @param {HTMLElement | null} list
 * @param {Answer} found with all jobs that are known
 * @param {string} chosen
 * @param {number} most
 */
export function listRuns(list, found, chosen, most) {
  const shown = inOrder(found.jobs).slice(0, most);
  const said = shown.map((job) => [job.id, job.title, job.state, job.outer_step, job.place, job.meta_loss]);
  put(list, JSON.stringify([chosen, found.total, said]), () => {
    const hint = (/** @type {string} */ text) => make("li", { className: "hint" }, text);
    const left = found.total - shown.length;
    const entries = shown.map((job) => entry(job, chosen, found.queue.length));
    if (!entries.length) return [hint("None yet.")];
    return left > 0 ? [...entries, hint(`and ${left} older ones`)] : entries;
  });
}

/**
 * @param {HTMLElement | null} place
 * @param {Job | null} job that is in the library
 */
export function listLinks(place, job) {
  put(place, job ? job.id : "none", () => {
    if (!job) return [];
    const query = new URLSearchParams({ task: job.settings.task, optimizer: job.id });
    const link = (/** @type {string} */ path, /** @type {string} */ text) => make("a", { href: `${path}?${query}` }, text);
    return ["It is in the library: ", link("/", "explore it"), " or ", link("/mechanisms", "see its mechanisms"), "."];
  });
}

/**
 * @param {HTMLElement | null} place
 * @param {number[]} steps
 */
export function listSnapshots(place, steps) {
  const again = (/** @type {number} */ step) => {
    const data = { "data-act": "again", "data-step": String(step), "data-focus": String(step) };
    return make("button", { type: "button", className: "plain", ...data }, whole(step));
  };
  put(place, JSON.stringify(steps), () => (steps.length ? (readOnly ? [steps.map(whole).join(", ")] : steps.map(again)) : ["none yet"]));
}

/**
 * @param {HTMLElement | null} list
 * @param {import("#train/book.mjs").StateEvent[]} events
 */
export function listLog(list, events) {
  put(list, JSON.stringify(events), () =>
    [...events].reverse().map((event) => {
      const step = event.outer_step ? ` at outer step ${whole(event.outer_step)}` : "";
      const text = `${event.state}${step}${event.message ? `: ${event.message}` : ""}`;
      return make("li", {}, make("time", {}, clock(event.time)), ` ${text}`);
    }),
  );
}
