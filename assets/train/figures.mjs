// What the Train page keeps of a run's events, and how it draws them: figures, the list of runs, the log.
(function () {
  "use strict";
  const parts = (window.trainParts = window.trainParts || {});
  const MOST = 4000; // points drawn as they are; of more, the least and the largest of each stretch
  const MEDIANS = 1500;
  const CEILING = 10;
  const LEAST = 1e-12;

  // Everything that was told of a run, by outer step: told twice, it is the same.
  parts.book = () => ({
    after: 0,
    losses: [], // of outer step i + 1; null where not finite
    evaluations: new Map(),
    levels: null,
    log: [],
    add(event) {
      if (event.kind === "steps") {
        event.points.outer_step.forEach((step, i) => (this.losses[step - 1] = event.points.meta_loss[i]));
      } else if (event.kind === "evaluation") this.evaluations.set(event.outer_step, event);
      else if (event.kind === "levels") this.levels = event.optimizers;
      else if (event.kind === "state") this.log.push(event);
    },
    count() {
      return this.losses.length;
    },
    newest() {
      return [...this.evaluations.values()].reduce((a, b) => (a && a.outer_step > b.outer_step ? a : b), null);
    },
  });

  const finite = (value) => Number.isFinite(value);

  function raw(losses) {
    const every = Math.max(1, Math.ceil(losses.length / (MOST / 2)));
    if (losses.length <= MOST) return { x: losses.map((_, i) => i + 1), y: losses };
    const x = [];
    const y = [];
    for (let from = 0; from < losses.length; from += every) {
      let [low, high] = [-1, -1];
      for (let i = from; i < Math.min(from + every, losses.length); i += 1) {
        if (!finite(losses[i])) continue;
        if (low < 0 || losses[i] < losses[low]) low = i;
        if (high < 0 || losses[i] > losses[high]) high = i;
      }
      const kept = low < 0 ? [from] : low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
      for (const i of kept) {
        x.push(i + 1);
        y.push(losses[i]);
      }
    }
    return { x, y };
  }

  function medians(losses) {
    const half = Math.floor(Math.min(100, Math.max(2, losses.length / 80)));
    const every = Math.max(1, Math.ceil(losses.length / MEDIANS));
    const x = [];
    const y = [];
    for (let i = 0; i < losses.length; i += every) {
      const near = losses.slice(Math.max(0, i - half), i + half + 1).filter(finite).sort((a, b) => a - b);
      x.push(i + 1);
      y.push(near.length ? near[near.length >> 1] : null);
    }
    return { x, y };
  }

  const plain = (value) => {
    const power = Math.floor(Math.log10(value) + 1e-9);
    if (Math.abs(power) <= 3) return String(Number(value.toPrecision(3)));
    return `10<sup>${power}</sup>`.replace("-", "−");
  };

  // A log axis around some values, with ticks that can be read.
  function axis(values) {
    const kept = values.filter((value) => finite(value) && value > 0);
    const low = kept.length ? Math.log10(Math.max(LEAST, kept.reduce((a, b) => Math.min(a, b)))) : -2;
    const high = kept.length ? Math.log10(Math.min(CEILING, kept.reduce((a, b) => Math.max(a, b)))) : 0;
    const margin = 0.05 * Math.max(high - low, 0.2);
    const range = [Math.min(low, high) - margin, high + margin];
    const every = Math.max(1, Math.round((range[1] - range[0]) / 6));
    const factors = range[1] - range[0] < 2.2 ? [1, 2, 5] : [1];
    const tickvals = [];
    for (let power = Math.floor(range[0]); power <= Math.ceil(range[1]); power += 1) {
      if (power % every === 0) tickvals.push(...factors.map((factor) => factor * 10 ** power));
    }
    return { range, tickvals, ticktext: tickvals.map(plain) };
  }

  function fill(frame, data, x, y) {
    const layout = { ...frame.layout, xaxis: { ...frame.layout.xaxis, ...x }, yaxis: { ...frame.layout.yaxis, ...y } };
    return { data: frame.data.map((trace) => ({ ...trace, x: [], y: [], ...data[trace.name] })), layout };
  }

  const FILLED = {
    outer(book, frame) {
      const found = [...book.evaluations.values()].sort((a, b) => a.outer_step - b.outer_step);
      const last = Math.max(10, book.count());
      const data = { "each outer step": raw(book.losses), "running median": medians(book.losses) };
      data["held out"] = {
        x: found.map((one) => one.outer_step),
        y: found.map((one) => one.meta_loss),
        error_y: { type: "data", array: found.map((one) => one.sem), thickness: 1, width: 0 },
      };
      for (const [name, one] of Object.entries(book.levels || {})) {
        data[name] = { x: [0, last], y: [one.meta_loss, one.meta_loss] };
      }
      const levels = Object.values(book.levels || {}).map((one) => one.meta_loss);
      const values = [...data["running median"].y, ...data["held out"].y, ...levels, ...raw(book.losses).y];
      return fill(frame, data, { range: [0, last] }, axis(values));
    },
    curve(book, frame) {
      const data = {};
      const newest = book.newest();
      const put = (name, curve) => (data[name] = { x: curve.inner_step, y: curve.relative_loss });
      for (const [name, one] of Object.entries(book.levels || {})) put(name, one.curve);
      if (newest) put("learned", newest.curve);
      const last = newest ? newest.curve.inner_step[newest.curve.inner_step.length - 1] : 10;
      return fill(frame, data, { range: [0, last] }, axis(Object.values(data).flatMap((one) => one.y)));
    },
  };

  function element(kind, properties, ...children) {
    const made = document.createElement(kind);
    for (const [name, value] of Object.entries(properties)) {
      if (name.startsWith("data-") || name.startsWith("aria-")) made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  }

  // Put children into a parent only if they say something new: what has the focus keeps it.
  function put(parent, key, make) {
    if (!parent || parent.dataset.key === key) return;
    const focus = parent.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    parent.dataset.key = key;
    parent.replaceChildren(...make());
    const again = focus && [...parent.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focus);
    if (again) again.focus();
  }

  const number = (value) =>
    finite(value) ? String(Number(value.toPrecision(3))).replace("-", "−") : "–";

  const RANK = { running: 0, paused: 1, queued: 2 };
  function inOrder(jobs) {
    const rank = (job) => RANK[job.state] ?? 3;
    return [...jobs].sort((a, b) => rank(a) - rank(b) || (a.state === "queued" ? a.place - b.place : b.submitted - a.submitted));
  }

  function entry(job, chosen, waiting) {
    const small = (act, text, label, enabled = true) =>
      element(
        "button",
        { type: "button", className: "small", textContent: text, title: label, disabled: !enabled, "data-act": act, "data-run": job.id,
          "data-place": String(job.place), "data-focus": `${act} ${job.id}`, "aria-label": `${label}: ${job.id}` },
      );
    const share = job.outer_steps ? job.outer_step / job.outer_steps : 0;
    const meta = job.meta_loss === null ? "" : `, meta-loss ${number(job.meta_loss)}`;
    const open = element(
      "button",
      { type: "button", className: "run", "data-act": "open", "data-run": job.id, "data-focus": job.id, "aria-current": String(job.id === chosen) },
      element("span", { className: "run-name", textContent: job.title || job.id, title: job.id }),
      element("span", { className: "bar", "aria-hidden": "true", style: `--share: ${share}` }),
      element("span", { className: "value", textContent: `${job.outer_step.toLocaleString("en")} of ${job.outer_steps.toLocaleString("en")}${meta}` }),
      element("span", { className: "state", textContent: job.state, "data-state": job.state }),
    );
    const tools = job.state !== "queued" ? [] : [
      element("span", { className: "tools" },
        small("earlier", "↑", "Earlier", job.place > 0),
        small("later", "↓", "Later", job.place < waiting - 1),
        small("drop", "×", "Cancel")),
    ];
    const sweep = job.sweep ? [element("a", { href: `/runs?sweep=${job.sweep}`, className: "sweep", textContent: job.sweep, title: "Compare the runs of this sweep" })] : [];
    return element("li", {}, open, ...sweep, ...tools);
  }

  parts.figures = {
    number,
    compose: (name, book, frames) => FILLED[name](book, frames[name]),

    captions(book, job) {
      const newest = book.newest();
      const rivals = Object.entries(book.levels || {}).filter(([, one]) => finite(one.meta_loss));
      const said = [];
      if (newest && rivals.length) {
        const best = rivals.reduce((a, b) => (a[1].meta_loss <= b[1].meta_loss ? a : b));
        const mine = newest.meta_loss;
        const title = best[0].replace("_", " + ");
        const level = number(best[1].meta_loss);
        if (!finite(mine)) said.push(`Held out: diverges on ${newest.diverged} of ${newest.problems} problems; the best tuned one, ${title}, is at ${level}.`);
        else said.push(`Held out: ${number(mine)} ± ${number(newest.sem)}, ${mine < best[1].meta_loss ? "below" : "above"} the best tuned one, ${title}, at ${level}.`);
      }
      if (job && job.settings.truncation && job.settings.truncation < job.settings.unroll) {
        said.push(`Thin: training, over windows of ${job.settings.truncation} steps; only the held-out dots, over whole unrolls, compare with the lines.`);
      } else said.push("Thin: training, on new problems each outer step; dots: held-out problems, the same for all lines.");
      return said.join(" ");
    },

    runs(list, found, chosen, most) {
      const shown = inOrder(found.jobs).slice(0, most);
      const key = JSON.stringify([chosen, found.jobs.length, shown.map((job) => [job.id, job.title, job.state, job.outer_step, job.place, job.meta_loss])]);
      put(list, key, () => {
        const left = found.jobs.length - shown.length;
        const entries = shown.map((job) => entry(job, chosen, found.queue.length));
        if (!entries.length) return [element("li", { className: "hint", textContent: "None yet." })];
        return left > 0 ? [...entries, element("li", { className: "hint", textContent: `and ${left} older ones` })] : entries;
      });
    },

    links(place, job) {
      put(place, job ? job.id : "none", () => {
        if (!job) return [];
        const query = new URLSearchParams({ task: job.settings.task, optimizer: job.id });
        const link = (path, text) => element("a", { href: `${path}?${query}`, textContent: text });
        return ["It is in the library: ", link("/", "explore it"), " or ", link("/mechanisms", "see its mechanisms"), "."];
      });
    },

    snapshots(place, steps) {
      put(place, JSON.stringify(steps), () =>
        steps.length
          ? steps.map((step) =>
              element("button", { type: "button", className: "plain", textContent: step.toLocaleString("en"), "data-act": "again", "data-step": String(step), "data-focus": String(step) }))
          : ["none yet"]);
    },

    log(list, events) {
      put(list, JSON.stringify(events), () =>
        [...events].reverse().map((event) => {
          const at = new Date(event.time * 1000).toLocaleTimeString("en-GB");
          const step = event.outer_step ? ` at outer step ${event.outer_step.toLocaleString("en")}` : "";
          const text = `${event.state}${step}${event.message ? `: ${event.message}` : ""}`;
          return element("li", {}, element("time", { textContent: at }), ` ${text}`);
        }));
    },
  };
})();
