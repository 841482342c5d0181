// The Library page in the browser: asks for all runs, sorts and filters them at once, and does what is pressed.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const { element: make, number, plusMinus, megabytes, moment } = (window.libraryParts = window.libraryParts || {}).tools;
  const rows = window.libraryParts.rows;
  const PAGE = "/library";
  const OFTEN = 4000; // ms between two looks for what has changed
  const SHOWN = 200; // rows at first, and added by every press
  const LONGEST = 200; // letters of a text to search for
  const FILTERS = ["text", "task", "cell", "origin", "state"];
  const now = { entries: [], bin: [], damaged: [], tag: null, view: null, words: null, most: SHOWN, open: "", details: null, undo: null };
  const page = (window.library = { now, ready: false });
  const element = (id) => document.getElementById(id);
  const here = () => location.pathname === PAGE;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const keyOf = (one) => `${one.kind}/${one.name}`;
  const pathOf = (key) => `/api/library/${key}`;
  const titleOf = (one) => one.title || one.name;

  async function ask(path, options = {}) {
    let response, found;
    try {
      response = await fetch(path, { signal: AbortSignal.timeout(60000), ...options });
      found = await response.json();
    } catch {
      throw new Error("The server does not answer: try again in a moment.");
    }
    if (!response.ok) throw Object.assign(new Error(found.error), { status: response.status });
    return [found, response.headers.get("ETag")];
  }
  const post = async (path, body) =>
    (await ask(path, {
      method: "POST",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    }))[0];

  function say(id, ...parts) {
    const there = element(id);
    if (there) there.replaceChildren(...parts);
  }
  const problem = (text) => say("library-problem", text);

  // What is shown

  function fits(one) {
    const { text, task, cell, origin, state } = now.view;
    const own = one.kind === "own" ? "own" : "shipped";
    if (task !== "any" && one.task !== task) return false;
    if (cell !== "any" && one.cell !== cell) return false;
    if (origin !== "any" && own !== origin) return false;
    if (state !== "any" && one.state !== state) return false;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return true;
    const said = `${one.title} ${one.name} ${one.note} ${one.task} ${now.words.tasks[one.task]} ${one.label} ${one.origin}`.toLowerCase();
    return words.every((word) => said.includes(word));
  }
  const VALUES = {
    title: (one) => titleOf(one).toLowerCase(),
    last: (one) => one.curve.last,
    held_out: (one) => (one.held_out ? one.held_out.mean : null),
  };
  // What has no value comes last whichever way; equals stay in the order in which the server lists them.
  function inOrder(entries) {
    const column = now.view.sort.replace(/^-/, "");
    const sign = now.view.sort.startsWith("-") ? -1 : 1;
    const value = VALUES[column] || ((one) => one[column]);
    const known = entries.map((one) => [value(one), one]);
    const none = ([one]) => one === null || one === undefined;
    const compare = ([a], [b]) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b) * sign;
    return [...known.filter((one) => !none(one)).sort(compare), ...known.filter(none)].map(([, one]) => one);
  }

  const drawn = new Map(); // rows by key: one that says the same is kept as it is
  function rowOf(one) {
    const key = keyOf(one);
    const says = JSON.stringify([one, key === now.open]);
    const before = drawn.get(key);
    if (before && before.says === says) return before.row;
    const row = rows.row(one, { key, words: now.words, open: key === now.open });
    drawn.set(key, { says, row });
    return row;
  }

  // Rows go in only where they are not yet: what has the focus keeps it.
  function place(body, wanted) {
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && focused.dataset.focus;
    wanted.forEach((row, i) => {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] || null);
    });
    while (body.children.length > wanted.length) body.lastChild.remove();
    if (!focused || document.activeElement === focused) return;
    if (focused.isConnected) focused.focus();
    else if (again) (body.querySelector(`[data-focus="${CSS.escape(again)}"]`) || document.body).focus();
  }

  function draw() {
    const body = element("library-rows");
    if (!body || !now.view || !page.ready) return;
    const found = inOrder(now.entries.filter(fits));
    const shown = found.slice(0, now.most);
    const wanted = [];
    for (const one of shown) {
      wanted.push(rowOf(one));
      if (keyOf(one) === now.open && now.details) wanted.push(now.details.row);
    }
    place(body, wanted);
    for (const head of document.querySelectorAll("th[data-column]")) {
      const mine = now.view.sort.replace(/^-/, "") === head.dataset.column;
      head.setAttribute("aria-sort", !mine ? "none" : now.view.sort.startsWith("-") ? "descending" : "ascending");
    }
    say("library-count", found.length === now.entries.length ? `${found.length} optimizers` : `${found.length} of ${now.entries.length} optimizers`);
    after(found.length, shown.length);
    bin();
    address();
    page.shown = shown.map(keyOf);
  }

  function after(found, shown) {
    const said = [];
    if (!found) said.push(make("p", {}, "Nothing here fits these filters. ", make("button", { type: "button", className: "plain", "data-library": "clear" }, "Show everything")));
    else if (found > shown) said.push(make("button", { type: "button", className: "action", "data-library": "more" }, `Show ${Math.min(SHOWN, found - shown)} more`));
    if (!now.entries.some((one) => one.kind === "own")) said.push(make("p", {}, "None of your own yet: ", make("a", { href: "/train" }, "train one"), ", and it appears here while it learns."));
    for (const sentence of now.damaged) said.push(make("p", { className: "damaged" }, sentence));
    say("library-after", ...said);
  }

  function bin() {
    const section = element("library-bin");
    section.hidden = !now.bin.length;
    const key = JSON.stringify(now.bin);
    if (section.dataset.key === key) return;
    section.dataset.key = key;
    const listed = now.bin.map((one) =>
      make("li", {}, make("span", { className: "bin-name", title: one.name }, titleOf(one)),
        make("span", { className: "value" }, `${megabytes(one.bytes)}, deleted ${moment(one.deleted)}`),
        make("button", { type: "button", className: "plain", "data-library": "restore", "data-of": one.id, "aria-label": `Put back ${titleOf(one)}` }, "Put back")));
    section.replaceChildren(
      make("div", { className: "card-head" },
        make("h3", { id: "library-bin-title" }, "Bin"),
        make("button", { type: "button", className: "action", "data-library": "empty" }, "Empty the bin")),
      make("p", { className: "hint" }, `What is deleted stays here for ${now.words.days} days.`),
      make("ul", { className: "bin" }, ...listed));
  }

  // The address bar always holds a link to the view.
  function address() {
    if (!here()) return;
    const query = new URLSearchParams();
    for (const name of FILTERS) if (now.view[name] !== (name === "text" ? "" : "any")) query.set(name, now.view[name]);
    if (now.view.sort !== "-when") query.set("sort", now.view.sort);
    if (now.open) query.set("open", now.open);
    if (now.view.theme !== "auto") query.set("theme", now.view.theme);
    const link = PAGE + (query.size ? `?${query}`.replaceAll("%2F", "/") : "");
    if (link !== location.pathname + location.search) history.replaceState(history.state, "", link);
  }

  // What is asked

  let turn = 0;
  async function look() {
    const [found, tag] = await ask("/api/library");
    if (tag !== null && tag === now.tag) return;
    const before = JSON.stringify(now.entries.find((one) => keyOf(one) === now.open));
    Object.assign(now, { entries: found.entries, bin: found.bin, damaged: found.damaged, tag });
    page.ready = true;
    const open = now.entries.find((one) => keyOf(one) === now.open);
    if (!open) Object.assign(now, { open: "", details: null });
    else if (JSON.stringify(open) !== before) await unfold(now.open);
    draw();
  }
  async function watch() {
    const mine = (turn += 1);
    while (mine === turn && here()) {
      if (document.visibilityState === "visible" && navigator.onLine) {
        try {
          await look();
          if (mine === turn && page.away) problem("");
          page.away = false;
        } catch (error) {
          page.away = true;
          if (mine === turn && here()) problem(error.message);
        }
      }
      await sleep(OFTEN);
    }
  }

  // The details of a run, in a row of their own; what is being written there is not overwritten.
  async function unfold(key) {
    const before = now.details && now.details.key === key ? now.details : null;
    const writing = before && before.row.contains(document.activeElement) && /INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName);
    if (writing) return;
    const [found] = await ask(pathOf(key));
    if (now.open !== key) return;
    now.details = { key, row: rows.details(found, { key, words: now.words }) };
  }
  async function toggle(key) {
    now.open = now.open === key ? "" : key;
    now.details = null;
    draw();
    if (now.open) {
      await unfold(key);
      draw();
    }
  }

  function notice(text, undo = null) {
    const parts = text ? [make("span", {}, text)] : [];
    if (undo) parts.push(" ", make("button", { type: "button", className: "plain", "data-library": "restore", "data-of": undo }, "Undo"));
    say("library-notice", ...parts);
  }

  const ACTS = {
    sort({ of }) {
      now.view.sort = now.view.sort === of ? `-${of}` : of;
      draw();
    },
    more() {
      now.most += SHOWN;
      draw();
    },
    clear() {
      for (const name of FILTERS) dash.set_props(`library-${name}`, { value: name === "text" ? "" : "any" });
    },
    open: ({ of }) => toggle(of),
    async save({ of }) {
      const of_ = (part) => element(`library-${part}-${of}`).value;
      await post(`${pathOf(of)}/label`, { title: of_("title"), note: of_("note") });
      document.activeElement.blur();
      await look();
      notice("Saved.");
    },
    async delete({ of }) {
      const one = now.entries.find((entry) => keyOf(entry) === of);
      const found = await post(`${pathOf(of)}/delete`);
      await look();
      notice(`${one ? titleOf(one) : of} is in the bin.`, found.bin);
    },
    async restore({ of }) {
      const found = await post(`/api/library/bin/${of}/restore`);
      await look();
      notice(`${found.name} is back.`);
    },
    empty() {
      const close = () => element("library-question").close();
      const said = now.bin.length === 1 ? "the run in the bin" : `all ${now.bin.length} runs in the bin`;
      say("library-question",
        make("p", { id: "library-question-text" }, `Remove ${said} for good?`),
        make("div", { className: "actions" },
          make("button", { type: "button", className: "action", onclick: close }, "No"),
          make("button", { type: "button", className: "action danger", "data-library": "gone" }, "Yes, for good")));
      element("library-question").showModal();
    },
    async gone() {
      element("library-question").close();
      await post("/api/library/bin/empty");
      await look();
      notice("The bin is empty.");
    },
    async copy({ of }, button) {
      try {
        await navigator.clipboard.writeText(element(of).textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(element(of)); // no clipboard without https: selected, to be copied by hand
      }
    },
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-library]");
    if (!button || !here() || !ACTS[button.dataset.library]) return;
    try {
      problem("");
      await ACTS[button.dataset.library](button.dataset, button);
    } catch (error) {
      problem(error.message);
    }
  });
  document.addEventListener("change", (event) => {
    const choice = event.target.closest && event.target.closest("select[data-library-weights]");
    if (choice) element(choice.dataset.libraryWeights).href = choice.value;
  });

  async function imported(query, file) {
    problem("");
    try {
      const [found] = await ask(`/api/library/weights?${query}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
      now.open = "";
      await look();
      await toggle(keyOf(found));
      notice(`${found.name} is in the library.`);
      return "";
    } catch (error) {
      return error.message;
    }
  }

  dash.library = {
    open(view, words) {
      Object.assign(now, { view: { ...view }, words, most: SHOWN, open: view.open, details: null, tag: null });
      drawn.clear();
      window.libraryParts.upload(element("library-import"), words, imported);
      watch();
      return dash.no_update;
    },
    filter(...values) {
      if (!now.view) return dash.no_update;
      FILTERS.forEach((name, i) => (now.view[name] = (values[i] || (name === "text" ? "" : "any")).slice(0, LONGEST)));
      now.most = SHOWN;
      draw();
      return dash.no_update;
    },
  };
})();
