// The Train page in the browser: follows the events of one run, lists all of them, and says so when the server is away.
import { isHere, readAddress, writeAddress } from "#shared/address.mjs";
import { context, noUpdate, setProps } from "#shared/dash.mjs";
import { all, closest, find, need, plotIn, say } from "#shared/elements.mjs";
import { copyTextOf } from "#shared/files.mjs";
import { about, readable, whole } from "#shared/numbers.mjs";
import { AwayError, RefusedError, ask, post, sentenceOf, sleep } from "#shared/requests.mjs";
import { states } from "#shared/tables.mjs";
import { Book } from "#train/book.mjs";
import { FIGURES, caption, compose, heldOut } from "#train/figures.mjs";
import { estimate, settings, start } from "#train/form.mjs";
import { listLinks, listLog, listRuns, listSnapshots, merged } from "#train/lists.mjs";

/** @typedef {import("#train/lists.mjs").Job} Job */

const SOON = 200; // ms between two questions: until the first point,
const OFTEN = 700; // while something happens,
const SELDOM = 2000; // when a run is over
const LISTING = 1400;
const LONGEST = 8000;
const PATIENCE = 20000;
const SHOWN = 60;

export const now = {
  run: "",
  /** @type {Job | null} */
  job: null,
  /** @type {Job[]} */
  jobs: [],
  /** @type {{ next: number | null, total: number }} up to where the server has been asked, and how many jobs it has */
  listed: { next: null, total: 0 },
  book: new Book(),
  /** @type {string | null} */
  state: null,
  gone: false,
  away: 0, // questions in a row without an answer
  workers: 0,
  /** @type {Record<string, Record<string, any>> | null} figures without data, by theme and name */
  frames: null,
};
const here = () => isHere("train");
/** @param {string | null} state */
const isOver = (state) => state !== null && states[state].over;

// One run

let turn = 0;
/** @type {Promise<unknown>} until the last question for the run's events is answered */
let followed = Promise.resolve();
let hurry = false; // the list is asked for at once

/**
 * @param {string} run
 * @param {Job | null} job
 */
function choose(run, job = null) {
  Object.assign(now, { run, job, book: new Book(), state: null, gone: false });
  if (here()) {
    const address = readAddress("train");
    writeAddress("train", { ...address, run, start: run ? "" : address.start });
  }
  need("train-nothing").hidden = Boolean(run);
  need("train-chosen").hidden = !run;
  say("train-notice", "");
  document.title = "Loptscope: train";
  if (run) {
    say("train-name", named());
    show(job ?? now.jobs.find((one) => one.id === run));
    redraw();
  }
  snapshot();
  watch();
}

// Where the columns are stacked, the run is far below.
function reveal() {
  const chosen = need("train-chosen");
  if (chosen.getBoundingClientRect().top > innerHeight) chosen.scrollIntoView();
}

async function watch() {
  const mine = (turn += 1);
  let listed = 0;
  const shown = find("train-chosen"); // whoever leaves and comes back gets a new one, and what watches that
  while (mine === turn && here() && find("train-chosen") === shown) {
    if (!navigator.onLine) {
      away("This browser is offline.");
      const online = new Promise((resolve) => addEventListener("online", resolve, { once: true }));
      await Promise.race([sleep(LONGEST), online]);
      continue;
    }
    try {
      if (now.run && !now.gone) {
        const question = follow(mine);
        followed = question.catch(() => {});
        await question;
      }
      if (mine === turn && (performance.now() - listed > LISTING || hurry)) {
        hurry = false;
        listed = performance.now();
        await list(mine);
      }
      if (mine !== turn) return;
      if (now.away) say("train-offline", "");
      now.away = 0;
    } catch (error) {
      if (mine !== turn) return;
      if (error instanceof RefusedError && error.status === 404) {
        now.gone = true;
        say("train-notice", `The run ${now.run} no longer exists.`);
      } else {
        const expected = error instanceof AwayError || error instanceof RefusedError;
        if (!expected) console.error(error); // a mistake of this program, which must not be hidden
        away(error instanceof Error ? error.message : String(error));
        await sleep(Math.min(LONGEST, 500 * 2 ** now.away));
        continue;
      }
    }
    const first = now.run && !now.book.count() && now.state !== "paused" && !isOver(now.state);
    await sleep(first ? SOON : now.run && !isOver(now.state) ? OFTEN : SELDOM);
  }
}

/** @param {string} why */
function away(why) {
  now.away += 1;
  if (here()) say("train-offline", `${why} Runs continue without this page; the curve continues when the server answers.`);
}

/** @param {number} mine */
async function follow(mine) {
  let more = true;
  let fresh = false;
  while (more) {
    const found = await ask(`/api/jobs/${now.run}/events?after=${now.book.after}`, {}, PATIENCE);
    if (mine !== turn) return;
    for (const event of found.events) now.book.add(event);
    fresh = fresh || found.events.length > 0;
    now.book.after = found.next;
    more = found.more;
    entered(found.state);
  }
  if (fresh) redraw();
}

/** @param {string} state */
function entered(state) {
  if (state === now.state) return;
  const before = now.state;
  now.state = state;
  hurry = true;
  if (before === null || before === "queued" || !isOver(state) || isOver(before)) return;
  const text = `${now.run} is ${state}.`;
  say("train-notice", text);
  document.title = `${state === "finished" ? "✓" : "■"} ${text}`;
  if ("Notification" in window && Notification.permission === "granted") new Notification("Loptscope", { body: text });
}

/** @param {number} mine */
async function list(mine) {
  const since = now.listed.next === null ? "" : `?after=${now.listed.next}`;
  const found = await ask(`/api/jobs${since}`, {}, PATIENCE);
  if (mine !== turn || !here()) return;
  const jobs = since ? merged(now.jobs, now.listed.total, found) : found.jobs;
  now.listed = { next: jobs ? found.next : null, total: found.total };
  if (!jobs) return list(mine);
  found.jobs = jobs;
  Object.assign(now, { jobs, workers: found.workers });
  listRuns(find("train-runs"), found, now.run, SHOWN);
  const workers = found.workers === 1 ? "1 worker" : `${found.workers} workers`;
  say("train-workers", found.queue.length ? `${found.queue.length} waiting, ${workers}` : workers);
  show(now.jobs.find((one) => one.id === now.run));
}

// What its owner calls the run that is shown, or else its name.
const named = () => now.job?.title || now.run;

/** @param {Job | undefined} job */
function show(job) {
  if (!job || !find("train-chosen")) return;
  now.job = job;
  say("train-name", named());
  need("train-name").title = now.run;
  const at = Math.max(job.outer_step, 0);
  const task = job.settings.task.replace("_", " ");
  need("train-chosen").dataset.about = `${task[0].toUpperCase()}${task.slice(1)}, run ${named()}, outer step ${whole(at)}`;
  const lost = job.state === "running" && !job.worker_alive ? "its worker is gone; another one will take it over" : "";
  const none = job.state === "queued" && now.workers === 0 ? "there is no worker yet; the run starts when one is available" : "";
  const requested = job.requested ? `${job.requested} requested…` : "";
  need("train-state").dataset.state = job.state;
  say("train-state", typeof job.place === "number" ? `queued, position ${job.place + 1}` : job.state);
  need("train-progress", HTMLProgressElement).value = at / job.outer_steps;
  say("train-fact-step", `${whole(at)} of ${whole(job.outer_steps)}`);
  say("train-fact-speed", job.steps_per_second ? readable(job.steps_per_second, 2) : "–");
  say("train-fact-left", job.state === "running" ? about(job.seconds_left) : "–");
  say("train-fact-loss", at && job.meta_loss === null ? "not finite" : readable(job.meta_loss, 2));
  say("train-fact-diverged", whole(job.diverged_problems));
  say("train-fact-skipped", whole(job.skipped_steps));
  say("train-message", [job.message, lost, none, requested].filter(Boolean).join("; "));
  say("train-run-command", job.command);
  const tellable = "Notification" in window && Notification.permission === "default" && !isOver(job.state);
  need("train-tell").hidden = !tellable;
  for (const button of all(document, "#train-chosen .action[data-act]")) {
    const action = button.dataset.act ?? "";
    if (action !== "tell") button.hidden = !states[job.state].allows.includes(action);
  }
  listLinks(find("train-links"), states[job.state].kept && job.snapshots.length > 0 ? job : null);
  listSnapshots(find("train-snapshots"), job.snapshots);
  snapshot();
}

// The newest snapshot is drawn by the server, one at a time.
const drawing = { asked: "null", since: -Infinity, busy: false };
function snapshot() {
  const data = now.run ? { run: now.run, outer_step: now.job?.snapshots.at(-1) ?? null } : null;
  const key = JSON.stringify(data);
  const waited = performance.now() - drawing.since;
  if (key === drawing.asked || !navigator.onLine || now.away || (drawing.busy && waited < PATIENCE)) return;
  Object.assign(drawing, { asked: key, since: performance.now(), busy: true });
  setProps("train-snapshot", { data });
}

function redraw() {
  for (const name of FIGURES) {
    const room = find(`train-${name}-graph`);
    const plot = room && plotIn(room);
    if (plot?._fullLayout && window.Plotly && now.frames) {
      const made = compose(name, now.book, now.frames[theme()]);
      window.Plotly.react(plot, made.data, made.layout);
    } else if (here()) setTimeout(redraw, 100);
  }
  say("train-outer-caption", caption(now.book, now.job));
  const newest = now.book.newest();
  say("train-curve-of", newest ? `after ${whole(newest.outer_step)} outer steps` : "");
  say("train-fact-held-out", newest ? heldOut(newest) : "not yet");
  listLog(find("train-log"), now.book.log);
  document.body.dataset.points = String(now.book.count());
}
const theme = () => document.documentElement.getAttribute("data-mantine-color-scheme") ?? "light";

// What is pressed

const question = () => need("train-question", HTMLDialogElement);
let onYes = () => {};

/**
 * @param {string} text
 * @param {() => void} yes
 */
function confirm(text, yes) {
  say("train-question-text", text);
  onYes = yes;
  question().showModal();
}

/**
 * @param {string} wish
 * @param {string} run
 * @param {object} [body]
 */
async function act(wish, run = now.run, body) {
  say("train-notice", ""); // at once: what the run does next may be told before the answer is here
  if (wish === "delete") {
    turn += 1; // the run is gone before the answer is here: nobody asks for it until then
    await followed;
  }
  try {
    const found = await post(`/api/jobs/${run}/${wish}`, body, PATIENCE);
    hurry = true;
    if (wish === "delete" && run === now.run) return choose("");
    if (run === now.run && found.state) show({ place: null, ...found });
  } catch (error) {
    say("train-notice", sentenceOf(error));
  }
  watch();
}

/** @type {Record<string, (data: DOMStringMap, button: HTMLElement) => unknown>} */
const ACTS = {
  pause: () => act("pause"),
  resume: () => act("resume"),
  stop: () => act("stop"),
  cancel: () => confirm(`Cancel ${named()}? The library does not keep its result.`, () => act("cancel")),
  delete: () =>
    confirm(`Delete ${named()}? It moves to the trash, where the Library page can restore it.`, () => act("delete")),
  no: () => question().close(),
  yes() {
    question().close();
    onYes();
  },
  open({ run = "" }) {
    choose(run);
    reveal();
  },
  earlier: ({ run, place }) => act("reorder", run, { place: Math.max(0, Number(place) - 1) }),
  later: ({ run, place }) => act("reorder", run, { place: Number(place) + 1 }),
  drop: ({ run }) => act("cancel", run),
  async tell(_, button) {
    button.hidden = (await Notification.requestPermission()) !== "default";
  },
  scratch: () => setProps("train-start", { data: null }),
  again({ step }) {
    setProps("train-again", { data: { run: now.run, outer_step: Number(step), at: Date.now() } });
    need("train-go").scrollIntoView({ block: "center" });
  },
  async copy({ of = "" }, button) {
    if (await copyTextOf(need(of))) button.textContent = "Copied";
  },
};
document.addEventListener("click", (event) => {
  const button = closest(event, "[data-act]");
  if (button && here()) ACTS[button.dataset.act ?? ""]?.(button.dataset, button);
});

export const callbacks = {
  form() {
    const body = settings(context().inputs_list);
    const from = body.start;
    const said = from ? `Starts from ${from.run} after ${whole(from.outer_step)} outer steps` : "";
    return [body, from ? {} : { display: "none" }, said];
  },

  /**
   * @param {string} command
   * @param {object} body
   */
  estimate(command, body) {
    estimate(command && body ? body : null);
    return noUpdate();
  },

  go() {
    start(settings(context().states_list), (job) => {
      choose(job.id, job);
      reveal();
    });
    return noUpdate();
  },

  /**
   * @param {string} run
   * @param {Record<string, Record<string, any>>} frames
   */
  open(run, frames) {
    now.frames = frames;
    drawing.asked = "null";
    choose(run);
    return noUpdate();
  },

  drawn() {
    drawing.busy = false;
    return noUpdate();
  },

  /**
   * @param {unknown} switched
   * @param {string | null} scheme
   */
  theme(switched, scheme) {
    const frames = now.frames?.[scheme || theme()];
    return FIGURES.map((name) => (frames ? compose(name, now.book, frames) : noUpdate()));
  },
};
