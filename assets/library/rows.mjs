// How the Library page draws one run: a row of the table, and the row with all its details.
(function () {
  "use strict";
  const parts = (window.libraryParts = window.libraryParts || {});
  const WIDTH = 104;
  const HEIGHT = 28;
  const MANY = 1000; // times the meta-loss: beyond, it is told in full where it is pointed at
  const ORIGINS = { shipped: "shipped", trained: "trained here", imported: "imported" };
  const MECHANISMS = {
    momentum: ["momentum only", "linearised at its fixed point: nothing but momentum is left"],
    clipping: ["no clipping", "its update un-saturated"],
    schedule: ["no schedule", "its drift frozen at the start"],
    adaptation: ["no adaptation", "its adaptation pinned"],
  };

  // Tools

  const finite = (value) => Number.isFinite(value);
  function element(kind, properties, ...children) {
    const made = document.createElement(kind);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role" || name === "for" || name === "colspan") made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }
  const minus = (text) => text.replace("-", "−");
  function number(value, digits = 3) {
    if (!finite(value)) return "none";
    if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) {
      const [mantissa, power] = value.toExponential(digits - 1).split("e");
      const raised = [...power.replace("+", "")].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
      return minus(`${Number(mantissa)} × 10${raised}`);
    }
    return minus(Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 8 }));
  }
  // A mean and its standard error, to two digits of the error.
  function plusMinus(mean, sem) {
    if (!finite(mean) || !finite(sem) || sem <= 0) return number(mean);
    const places = 1 - Math.floor(Math.log10(sem));
    return places < 0 || places > 6 ? `${number(mean)} ± ${number(sem, 2)}` : minus(`${mean.toFixed(places)} ± ${sem.toFixed(places)}`);
  }
  const megabytes = (bytes) => (bytes < 1e5 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${number(bytes / 1e6)} MB`);
  const moment = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("en-GB", { dateStyle: "medium" });
  const whole = (value) => value.toLocaleString("en");
  function lasting(seconds) {
    if (seconds < 100) return `${number(seconds)} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${number(seconds / 3600)} h`;
  }
  parts.tools = { element, number, plusMinus, megabytes, moment };

  function sparkline(curve) {
    if (!curve.heights.length) return element("span", { className: "value" }, "none");
    const svg = (kind, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    const last = Math.max(1, curve.heights.length - 1);
    let path = "";
    let pen = "M";
    curve.heights.forEach((height, i) => {
      if (height === null) pen = "M";
      else {
        path += `${pen}${((i / last) * (WIDTH - 4) + 2).toFixed(1)} ${(HEIGHT - 2 - (height / 100) * (HEIGHT - 4)).toFixed(1)}`;
        pen = "L";
      }
    });
    const gaps = curve.heights.filter((height) => height === null).length;
    const said = `outer loss from ${number(curve.first)} to ${number(curve.last)}${gaps ? `, not finite in ${gaps} of ${curve.heights.length} stretches` : ""}`;
    const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": said, class: "sparkline" });
    drawn.append(svg("path", { d: path, fill: "none" }));
    return element("span", { className: "spark", title: said }, drawn, element("span", { className: "value" }, `${number(curve.first, 2)} → ${number(curve.last, 2)}${gaps ? " (gaps: not finite)" : ""}`));
  }

  // The table

  function heldOut(found, words) {
    if (!found) return element("span", { className: "value" }, "not evaluated");
    const won = finite(found.mean) && finite(found.rival_mean) && found.mean < found.rival_mean;
    const own = finite(found.mean) ? plusMinus(found.mean, found.sem) : `diverges on ${found.diverged} of ${found.problems}`;
    const rival = found.rival ? `${words.optimizers[found.rival] || found.rival} ${plusMinus(found.rival_mean, found.rival_sem)}` : "no rival";
    return element("span", { className: "stack" }, element(won ? "b" : "span", {}, own), element("span", { className: "value" }, "best tuned:"), element("span", { className: "value" }, rival));
  }

  function mechanisms(found) {
    if (!found) return element("span", { className: "value" }, "not kept");
    const one = (name) => {
      const [title, about] = MECHANISMS[name];
      const told = finite(found[name]) ? `${number(found[name])} times the meta-loss` : "it diverges";
      const times = !finite(found[name]) ? "diverges" : found[name] > MANY ? `> ${MANY.toLocaleString("en")} ×` : `${number(found[name], 2)} ×`;
      return [element("span", { className: "value", title: `${about}: ${told}` }, title), element("span", { title: told }, times)];
    };
    return element("span", { className: "mechanisms-of" }, ...Object.keys(MECHANISMS).filter((name) => name in found).flatMap(one));
  }

  const mean = (found) => (finite(found.mean) ? plusMinus(found.mean, found.sem) : "diverges");
  const link = (path, one, text, more = {}) =>
    element("a", { href: `${path}?${new URLSearchParams({ task: one.task, optimizer: one.name, ...more })}`, "aria-label": `${text}: ${one.title || one.name}` }, text);

  function row(one, { key, words, open }) {
    const title = one.title || one.name;
    const breakable = title.split(/(?<=[_-])/).flatMap((part, i) => (i ? [element("wbr", {}), part] : [part]));
    const button = element("button", { type: "button", className: "unfold", "data-library": "open", "data-of": key, "data-focus": key, "aria-expanded": String(open), title: one.name }, ...breakable);
    const note = one.note ? element("span", { className: "note" }, one.note) : "";
    const name = one.title ? element("span", { className: "value" }, one.name) : "";
    const steps = one.outer_step < one.outer_steps ? `${whole(one.outer_step)} of ${whole(one.outer_steps)}` : `${whole(one.outer_step)} steps`;
    const cell = (...children) => element("td", {}, ...children);
    const stack = (...children) => element("span", { className: "stack" }, ...children);
    const made = element("tr", { className: open ? "is-open" : "", "data-key": key },
      element("th", { scope: "row" }, stack(button, name, note)),
      cell(words.tasks[one.task] || one.task),
      cell(stack(element("span", {}, one.label), element("span", { className: "value" }, `seed ${one.seed}`))),
      cell(stack(element("span", {}, element("span", { className: "state", "data-state": one.state }, one.state)), element("span", { className: "value" }, steps))),
      cell(sparkline(one.curve)),
      cell(heldOut(one.held_out, words)),
      cell(mechanisms(one.mechanisms)),
      cell(stack(element("span", {}, whole(one.parameters)), element("span", { className: "value" }, "parameters"), element("span", { className: "value" }, megabytes(one.bytes)))),
      cell(stack(element("span", {}, ORIGINS[one.origin]), element("span", { className: "value" }, one.when ? day(one.when) : ""))),
      cell(one.looks ? stack(link("/", one, "Explore"), link("/mechanisms", one, "Mechanisms")) : element("span", { className: "value" }, one.snapshots ? "when it is over" : "no snapshot yet")));
    return made;
  }

  // The details

  const fact = (title, said) => element("div", {}, element("dt", {}, title), element("dd", {}, said));
  const part = (title, ...children) => element("section", {}, element("h3", {}, title), ...children);

  function facts(one) {
    const found = [
      fact("name", one.name),
      fact("how it came", ORIGINS[one.origin]),
      ...(one.when ? [fact("made", moment(one.when))] : []),
      fact("seed", String(one.seed)),
      fact("Loptscope", one.version),
      fact("torch", one.config.torch || "not recorded"),
      fact("training", one.seconds ? lasting(one.seconds) : "not recorded"),
      fact("diverged problems", whole(one.diverged_problems)),
      fact("on disk", megabytes(one.bytes)),
    ];
    if (one.start) found.push(fact("started from", `${one.start.run} at ${whole(one.start.outer_step)}`));
    if (one.message) found.push(fact("said", one.message));
    return element("dl", { className: "facts" }, ...found);
  }

  function label(one, key) {
    if (one.kind !== "own") return null;
    const title = element("input", { id: `library-title-${key}`, type: "text", maxLength: 80, value: one.title, placeholder: one.name, autocomplete: "off" });
    const note = element("textarea", { id: `library-note-${key}`, maxLength: 2000, rows: 3, value: one.note });
    const field = (text, control) => element("label", { className: "field" }, element("span", { className: "label" }, text), control);
    return part("Title and note", field("Title", title), field("Note", note), element("button", { type: "button", className: "action", "data-library": "save", "data-of": key }, "Save"));
  }

  function downloads(one, key) {
    const at = (step) => `/api/library/${key}/weights?outer_step=${step}`;
    const id = `library-weights-${key}`;
    const chosen = [];
    if (one.steps.length) {
      const options = [...one.steps].reverse().map((step) => element("option", { value: at(step) }, `outer step ${whole(step)}`));
      chosen.push(element("select", { "data-library-weights": id, "aria-label": "Snapshot to download" }, ...options));
      chosen.push(element("a", { id, href: at(one.last_snapshot), download: "" }, "Weights (safetensors)"));
    }
    return element("span", { className: "downloads" }, ...chosen, element("a", { href: `/api/library/${key}/run.zip`, download: "" }, "Whole run (zip)"));
  }

  function actions(one, key) {
    const start = one.looks ? element("a", { href: `/train?${new URLSearchParams({ start: `${one.name}@${one.last_snapshot}` })}` }, "Start a training from it") : null;
    const opened = one.looks ? [link("/", one, "Explore"), link("/mechanisms", one, "Mechanisms"), start] : [];
    const live = one.kind === "own" && ["queued", "running", "paused"].includes(one.state) ? element("a", { href: `/train?${new URLSearchParams({ run: one.name })}` }, "Watch it on Train") : null;
    const gone = one.kind === "own" ? element("button", { type: "button", className: "action", "data-library": "delete", "data-of": key }, "Delete") : null;
    return element("div", { className: "details-actions" }, ...opened, live, downloads(one, key), gone);
  }

  function table(headings, lines) {
    const heads = headings.map((text) => element("th", { scope: "col" }, text));
    const body = lines.map(([first, ...others]) => element("tr", {}, element("th", { scope: "row" }, first), ...others.map((text) => element("td", {}, text))));
    const drawn = element("table", { className: "scores small-scores" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
    return element("div", { className: "table-room", tabIndex: 0, role: "region", "aria-label": headings[0] }, drawn);
  }

  function scores(one, words) {
    const entries = Object.entries(one.scores);
    if (!entries.length) return part("Held-out problems", element("p", { className: "hint" }, "Not evaluated yet: ", element("code", {}, `python -m core evaluate --run ${one.name} --save`)));
    const lines = entries.map(([name, found]) => [name === "learned" ? "this one" : words.optimizers[name] || name, mean(found), whole(found.diverged)]);
    return part(`${one.held_out.problems} held-out problems`, table(["Optimizer", "Meta-loss", "Diverged"], lines));
  }

  function reruns(one) {
    if (!one.reruns.length) {
      return part("Mechanisms", element("p", { className: "hint" }, "What each is worth has not been kept: ", element("code", {}, `python -m core analyze --run ${one.name} --save`)), ...(one.looks ? [link("/mechanisms", one, "See its mechanisms")] : []));
    }
    const lines = one.reruns.map((found) => [found.title, mean(found), finite(found.times) ? `${number(found.times)} ×` : "", whole(found.diverged)]);
    const without = Object.entries(one.without).map(([title, why]) => element("p", { className: "hint" }, `${title}: ${why}`));
    return part("Mechanisms, each switched off", table(["Re-run", "Meta-loss", "Times", "Diverged"], lines), ...without, ...(one.looks ? [link("/mechanisms", one, "See its mechanisms")] : []));
  }

  function snapshots(one) {
    if (!one.steps.length) return null;
    const at = (step) => (one.looks ? element("a", { href: `/?${new URLSearchParams({ task: one.task, optimizer: one.name, outer_step: step })}`, title: `Explore outer step ${whole(step)}` }, whole(step)) : element("span", {}, whole(step)));
    return part("Snapshots", element("div", { className: "snapshots" }, ...one.steps.map(at)));
  }

  function command(one, key) {
    if (!one.command) return part("Training", element("p", { className: "hint" }, "Imported: how it was trained is not known here."));
    const id = `library-command-${key}`;
    return part("The command that trains it again", element("div", { className: "command" }, element("code", { id, tabIndex: 0 }, one.command), element("button", { type: "button", className: "plain", "data-library": "copy", "data-of": id }, "Copy")));
  }

  function details(one, { key, words }) {
    const config = element("details", {}, element("summary", {}, "Configuration (config.json)"), element("pre", { tabIndex: 0, "aria-label": "Configuration" }, JSON.stringify(one.config, null, 1)));
    const inside = element("div", { className: "details" },
      actions(one, key), facts(one),
      element("div", { className: "details-parts" }, label(one, key), scores(one, words), reruns(one), element("div", { className: "details-column" }, command(one, key), snapshots(one), config)));
    return element("tr", { className: "details-row", "data-details": key }, element("td", { colspan: 10 }, inside));
  }

  parts.rows = { row, details };
})();
