// The Train page in the browser: follows the events of one run, lists all of them, and says so when the server is away.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const { book, figures } = (window.trainParts = window.trainParts || {});
  const PAGE = "/train";
  const SOON = 200; // ms between two questions: until the first point,
  const OFTEN = 700; // while something happens,
  const SELDOM = 2000; // when a run is over
  const LISTING = 1400;
  const LONGEST = 8000;
  const OVER = ["stopped", "finished", "cancelled", "failed"];
  const SHOWN = 60;
  const now = { run: "", job: null, jobs: [], book: book(), away: 0 };
  const page = (window.train = { now, polls: 0 });
  const element = (id) => document.getElementById(id);
  const here = () => location.pathname === PAGE;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  function say(id, text) {
    const there = element(id);
    if (there && there.textContent !== text) there.textContent = text;
  }

  async function ask(path, options = {}) {
    let response, found;
    try {
      response = await fetch(path, { signal: AbortSignal.timeout(20000), ...options });
      found = await response.json();
    } catch {
      throw Object.assign(new Error("The server does not answer."), { away: true });
    }
    if (!response.ok) throw Object.assign(new Error(found.error), { status: response.status });
    return found;
  }
  const post = (path, body) =>
    ask(path, {
      method: "POST",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });

  // Form

  // What the controls hold, as Dash lists them, by the names of the settings.
  function settings(controls) {
    const given = controls.map(({ id, value }) => [id.replace(/^train-(set-)?/, ""), value === "" || value === undefined ? null : value]);
    const found = Object.fromEntries(given);
    found.recompute = { auto: null, yes: true, no: false }[found.recompute];
    try {
      found.task_parameters = JSON.parse(found.task_parameters || "{}");
    } catch {
      // what is not JSON goes as it is, and is refused with a sentence
    }
    if (!found.start) delete found.start;
    return found;
  }

  const time = (seconds) => {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 1) return "less than 1 s";
    if (seconds < 100) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
  };
  const number = (value) => figures.number(value);

  let measuring = 0;
  async function estimate(body) {
    const mine = (measuring += 1);
    await sleep(700);
    if (mine !== measuring || !here() || !navigator.onLine) return;
    say("train-estimate", "measuring how long…");
    try {
      const found = await post("/api/estimate", body);
      if (mine !== measuring) return;
      say("train-estimate", `takes about ${time(found.seconds)} on this machine`);
      const of = `${found.measured_steps} outer steps of ${found.measured_problems} problems and ${found.measured_unroll} inner steps`;
      element("train-estimate").title = `${number(found.seconds_per_step)} s an outer step, measured on ${of}, ${found.threads} threads`;
    } catch (error) {
      if (mine === measuring) say("train-estimate", "");
    }
  }

  async function go(body) {
    dash.set_props("train-go", { loading: true });
    try {
      const job = await post("/api/jobs", body);
      dash.set_props("train-refusal", { children: "" });
      dash.set_props("train-start", { data: null });
      choose(job.id, job);
      reveal();
    } catch (error) {
      const away = error.status ? error.message : "The server does not answer: try again in a moment.";
      dash.set_props("train-refusal", { children: away });
    }
    dash.set_props("train-go", { loading: false });
  }

  // One run

  let turn = 0;
  function choose(run, job = null) {
    Object.assign(now, { run, job, book: book(), state: null, gone: false });
    const query = new URLSearchParams(location.search);
    query.delete("run");
    if (run) {
      query.set("run", run);
      query.delete("start");
    }
    const address = PAGE + (query.size ? `?${query}` : "");
    if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
    element("train-nothing").hidden = Boolean(run);
    element("train-chosen").hidden = !run;
    say("train-notice", "");
    document.title = "Loptscope: train";
    if (run) {
      say("train-name", named());
      show(job || now.jobs.find((one) => one.id === run));
      redraw();
    }
    snapshot();
    watch();
  }

  // Where the columns are stacked, the run is far below.
  function reveal() {
    if (element("train-chosen").getBoundingClientRect().top > innerHeight) element("train-chosen").scrollIntoView();
  }

  async function watch() {
    const mine = (turn += 1);
    let listed = 0;
    while (mine === turn && here()) {
      if (!navigator.onLine) {
        away("This browser is offline.");
        await Promise.race([sleep(LONGEST), new Promise((resolve) => addEventListener("online", resolve, { once: true }))]);
        continue;
      }
      try {
        if (now.run && !now.gone) await follow(mine);
        if (mine === turn && (performance.now() - listed > LISTING || page.hurry)) {
          page.hurry = false;
          listed = performance.now();
          await list(mine);
        }
        if (mine !== turn) return;
        if (now.away) say("train-offline", "");
        now.away = 0;
      } catch (error) {
        if (mine !== turn) return;
        if (error.status === 404) {
          now.gone = true;
          say("train-notice", `There is no run ${now.run} any more.`);
        } else {
          if (!error.away && !error.status) console.error(error); // a mistake of this program, which must not be hidden
          away(error.message);
          await sleep(Math.min(LONGEST, 500 * 2 ** now.away));
          continue;
        }
      }
      const first = now.run && !now.book.count() && now.state !== "paused" && !OVER.includes(now.state);
      await sleep(first ? SOON : now.run && !OVER.includes(now.state) ? OFTEN : SELDOM);
    }
  }

  function away(why) {
    now.away += 1;
    if (here()) say("train-offline", `${why} Runs go on without this page; the curve continues as soon as there is an answer.`);
  }

  async function follow(mine) {
    let more = true;
    let fresh = false;
    while (more) {
      const found = await ask(`/api/jobs/${now.run}/events?after=${now.book.after}`);
      if (mine !== turn) return;
      page.polls += 1;
      for (const event of found.events) now.book.add(event);
      fresh = fresh || found.events.length > 0;
      now.book.after = found.next;
      more = found.more;
      entered(found.state);
    }
    if (fresh) redraw();
  }

  function entered(state) {
    if (state === now.state) return;
    const before = now.state;
    now.state = state;
    page.hurry = true;
    if (before === null || before === "queued" || !OVER.includes(state) || OVER.includes(before)) return;
    const text = `${now.run} is ${state}.`;
    say("train-notice", text);
    document.title = `${state === "finished" ? "✓" : "■"} ${text}`;
    if (window.Notification && Notification.permission === "granted") new Notification("Loptscope", { body: text });
  }

  async function list(mine) {
    const found = await ask("/api/jobs");
    if (mine !== turn || !here()) return;
    Object.assign(now, { jobs: found.jobs, workers: found.workers });
    figures.runs(element("train-runs"), found, now.run, SHOWN);
    const workers = found.workers === 1 ? "1 worker" : `${found.workers} workers`;
    say("train-workers", found.queue.length ? `${found.queue.length} waiting, ${workers}` : workers);
    show(found.jobs.find((one) => one.id === now.run));
  }

  // What its owner calls the run that is shown, or else its name.
  const named = () => (now.job && now.job.title) || now.run;

  function show(job) {
    if (!job) return;
    now.job = job;
    say("train-name", named());
    element("train-name").title = now.run;
    const at = Math.max(job.outer_step, 0);
    const lost = job.state === "running" && !job.worker_alive ? "its worker is gone; the next one takes it over" : "";
    const none = job.state === "queued" && now.workers === 0 ? "no worker is there yet; it starts with the first that comes" : "";
    const wanted = job.wanted ? `asked to ${job.wanted}…` : "";
    const badge = element("train-state");
    badge.dataset.state = job.state;
    say("train-state", job.place !== null && job.place !== undefined ? `queued, place ${job.place + 1}` : job.state);
    element("train-progress").value = at / job.outer_steps;
    say("train-fact-step", `${at.toLocaleString("en")} of ${job.outer_steps.toLocaleString("en")}`);
    say("train-fact-speed", job.steps_per_second ? number(job.steps_per_second) : "–");
    say("train-fact-left", job.state === "running" ? time(job.seconds_left) : "–");
    say("train-fact-loss", at && job.meta_loss === null ? "not finite" : number(job.meta_loss));
    say("train-fact-diverged", job.diverged_problems.toLocaleString("en"));
    say("train-fact-skipped", job.skipped_steps.toLocaleString("en"));
    say("train-message", [job.message, lost, none, wanted].filter(Boolean).join("; "));
    say("train-run-command", job.command);
    element("train-tell").hidden = OVER.includes(job.state) || !window.Notification || Notification.permission !== "default";
    for (const button of document.querySelectorAll("#train-chosen .action[data-states]")) {
      button.hidden = !button.dataset.states.split(" ").includes(job.state);
    }
    const kept = ["stopped", "finished"].includes(job.state) && job.snapshots.length > 0;
    figures.links(element("train-links"), kept ? job : null);
    figures.snapshots(element("train-snapshots"), job.snapshots);
    snapshot();
  }

  // The newest snapshot is drawn by the server, one at a time.
  const drawing = { asked: "null", since: -Infinity, busy: false };
  function snapshot() {
    const outer_step = now.run && now.job && now.job.snapshots.length ? now.job.snapshots[now.job.snapshots.length - 1] : null;
    const data = now.run ? { run: now.run, outer_step } : null;
    const key = JSON.stringify(data);
    const waited = performance.now() - drawing.since;
    if (key === drawing.asked || !navigator.onLine || now.away || (drawing.busy && waited < 20000)) return;
    Object.assign(drawing, { asked: key, since: performance.now(), busy: true });
    dash.set_props("train-snapshot", { data });
  }

  function redraw() {
    for (const name of ["outer", "curve"]) {
      const plot = document.querySelector(`#train-${name}-graph .js-plotly-plot`);
      const made = figures.compose(name, now.book, now.frames[theme()]);
      if (plot && window.Plotly && plot._fullLayout) window.Plotly.react(plot, made.data, made.layout);
      else if (here()) setTimeout(redraw, 100);
    }
    say("train-outer-caption", figures.captions(now.book, now.job));
    const newest = now.book.newest();
    say("train-curve-of", newest ? `after ${newest.outer_step.toLocaleString("en")} outer steps` : "");
    figures.log(element("train-log"), now.book.log);
    document.body.dataset.points = now.book.count();
  }
  const theme = () => document.documentElement.getAttribute("data-mantine-color-scheme") || "light";

  // What is pressed

  function sure(text, yes) {
    say("train-question-text", text);
    page.yes = yes;
    element("train-question").showModal();
  }
  async function act(wish, run = now.run, body = undefined) {
    say("train-notice", ""); // at once: what the run does next may be told before the answer is here
    try {
      const found = await post(`/api/jobs/${run}/${wish}`, body);
      if (wish === "delete" && run === now.run) choose("");
      else if (run === now.run && found.state) show({ place: null, ...found });
      page.hurry = true;
      if (wish !== "delete" || run !== now.run) watch();
    } catch (error) {
      say("train-notice", error.status ? error.message : "The server does not answer: try again in a moment.");
    }
  }
  const ACTS = {
    pause: () => act("pause"),
    resume: () => act("resume"),
    stop: () => act("stop"),
    cancel: () => sure(`Cancel ${named()}? What it has learned so far is not kept in the library.`, () => act("cancel")),
    delete: () => sure(`Delete ${named()}? It moves to the bin, from where the Library page puts it back.`, () => act("delete")),
    no: () => element("train-question").close(),
    yes() {
      element("train-question").close();
      page.yes();
    },
    open(data) {
      choose(data.run);
      reveal();
    },
    earlier: (data) => act("reorder", data.run, { place: Math.max(0, Number(data.place) - 1) }),
    later: (data) => act("reorder", data.run, { place: Number(data.place) + 1 }),
    drop: (data) => act("cancel", data.run),
    async tell(data, button) {
      button.hidden = (await Notification.requestPermission()) !== "default";
    },
    scratch: () => dash.set_props("train-start", { data: null }),
    again(data) {
      dash.set_props("train-again", { data: { run: now.run, outer_step: Number(data.step), at: Date.now() } });
      element("train-go").scrollIntoView({ block: "center" });
    },
    async copy(data, button) {
      try {
        await navigator.clipboard.writeText(element(data.of).textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(element(data.of)); // no clipboard without https: selected, to be copied by hand
      }
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-act]");
    if (button && here() && ACTS[button.dataset.act]) ACTS[button.dataset.act](button.dataset, button);
  });

  dash.train = {
    form() {
      const body = settings(dash.callback_context.inputs_list);
      const { start } = body;
      const said = start ? `Starts from ${start.run} after ${start.outer_step.toLocaleString("en")} outer steps` : "";
      return [body, start ? {} : { display: "none" }, said];
    },
    estimate(command, body) {
      measuring += 1;
      say("train-estimate", "");
      if (command && body) estimate(body);
      return dash.no_update;
    },
    go() {
      go(settings(dash.callback_context.states_list));
      return dash.no_update;
    },
    open(run, frames) {
      now.frames = frames;
      drawing.asked = "null";
      choose(run);
      return dash.no_update;
    },
    drawn() {
      drawing.busy = false;
      return dash.no_update;
    },
    theme: (switched, scheme) =>
      ["outer", "curve"].map((name) => figures.compose(name, now.book, now.frames[scheme || theme()])),
  };
})();
