// The Library page in the browser: asks for all runs, sorts and filters them at once, and does what is pressed.
import { upload } from "#library/import.mjs";
import { ANY, columnOf, fits, inOrder, keyOf, titleOf } from "#library/order.mjs";
import { details } from "#library/details.mjs";
import { watchRecordings } from "#library/recordings.mjs";
import { row } from "#library/rows.mjs";
import { isHere, writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { all, closest, fill, find, make, need, say } from "#shared/elements.mjs";
import { copyTextOf } from "#shared/files.mjs";
import { megabytes, moment } from "#shared/numbers.mjs";
import { ask, askWithTag, post, sentenceOf, sleep } from "#shared/requests.mjs";
import { readOnly } from "#shared/tables.mjs";

/** @typedef {import("#library/order.mjs").Entry} Entry */
/** @typedef {{ evaluation: Record<string, string>, distillation: Record<string, string> }} Measured words by the run's name */

const OFTEN = 4000; // ms between two looks for what has changed
const SHOWN = 200; // rows at first, and added by every press
const LONGEST = 200; // letters of a text to search for
const FILTERS = ["text", "task", "cell", "origin", "state"];

export const now = {
  /** @type {Entry[]} */
  entries: [],
  /** @type {any[]} */
  trash: [],
  /** @type {string[]} sentences about runs that cannot be read */
  damaged: [],
  /** @type {string | null} of the server's newest answer */
  tag: null,
  /** @type {Record<string, string>} the fields of the link */
  view: {},
  /** @type {any} what the server says of names */
  words: null,
  most: SHOWN,
  open: "",
  /** @type {{ key: string, row: HTMLElement } | null} */
  details: null,
  /** @type {Measured} how far evaluations and distillations are, by name */
  measuring: { evaluation: {}, distillation: {} },
  /** @type {Measured} what went wrong with others */
  notMeasured: { evaluation: {}, distillation: {} },
  /** @type {Set<string>} keys of the rows that are ticked, to be compared */
  ticked: new Set(),
  /** @type {string[]} keys of the rows that are drawn */
  shown: [],
  ready: false,
  away: false,
};

/** @param {string} key */
const pathOf = (key) => `/api/library/${key}`;
/** @param {string} text */
const problem = (text) => say("library-problem", text);
/** @param {string} name */
const unfiltered = (name) => (name === "text" ? "" : ANY);

// What is shown

/** @type {Map<string, { says: string, row: HTMLElement }>} rows by key: one that says the same is kept as it is */
const drawn = new Map();

/** @param {Entry} entry */
function rowOf(entry) {
  const key = keyOf(entry);
  const own = entry.kind === "own";
  const how = {
    ticked: now.ticked.has(key),
    evaluating: (own && now.measuring.evaluation[entry.name]) || "",
    failed: (own && now.notMeasured.evaluation[entry.name]) || "",
  };
  const says = JSON.stringify([entry, key === now.open, how]);
  const before = drawn.get(key);
  if (before?.says === says) return before.row;
  const made = row(entry, { key, words: now.words, open: key === now.open, ...how });
  drawn.set(key, { says, row: made });
  return made;
}

/**
 * Rows go in only where they are not yet: what has the focus keeps it.
 * @param {HTMLElement} body
 * @param {HTMLElement[]} wanted
 */
function place(body, wanted) {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && body.contains(active) ? active : null;
  const again = focused?.dataset.focus;
  wanted.forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
  while (body.children.length > wanted.length) body.lastElementChild?.remove();
  if (!focused || document.activeElement === focused) return;
  if (focused.isConnected) focused.focus();
  else if (again) (all(body, `[data-focus="${CSS.escape(again)}"]`)[0] ?? document.body).focus();
}

function draw() {
  const body = find("library-rows");
  if (!body || !now.words || !now.ready) return;
  const { view, entries } = now;
  const found = inOrder(entries.filter((entry) => fits(entry, view, now.words.tasks)), view.sort);
  const shown = found.slice(0, now.most);
  const open = now.details;
  place(body, shown.flatMap((entry) => [rowOf(entry), ...(open && keyOf(entry) === now.open ? [open.row] : [])]));
  for (const head of all(document, "th[data-column]")) {
    const order = view.sort.startsWith("-") ? "descending" : "ascending";
    head.setAttribute("aria-sort", columnOf(view.sort) === head.dataset.column ? order : "none");
  }
  const many = found.length === entries.length ? `${found.length}` : `${found.length} of ${entries.length}`;
  say("library-count", `${many} optimizers`);
  compare();
  after(found.length, shown.length);
  trash();
  writeAddress("library", { ...Object.fromEntries(FILTERS.map((name) => [name, view[name]])), sort: view.sort, open: now.open, theme: view.theme });
  now.shown = shown.map(keyOf);
}

// Runs that are ticked are compared on the Runs page.
function compare() {
  const names = now.entries.filter((entry) => now.ticked.has(keyOf(entry))).map(({ name }) => name);
  const bar = find("library-compare");
  if (!bar || bar.dataset.names === names.join(",")) return;
  bar.dataset.names = names.join(",");
  const href = `/runs?runs=${names.map(encodeURIComponent).join(",")}`;
  const text = names.length === 1 ? "Open the run that is ticked" : `Compare the ${names.length} runs that are ticked`;
  bar.replaceChildren(...(names.length ? [make("a", { href, className: "action" }, text)] : []));
}

/**
 * @param {string} className
 * @param {string} text
 * @param {Record<string, string>} more
 */
const button = (className, text, more) => make("button", { type: "button", className, ...more }, text);

/**
 * What stands below the table.
 * @param {number} found
 * @param {number} shown
 */
function after(found, shown) {
  const said = [];
  if (!found) said.push(make("p", {}, "No optimizer matches these filters. ", button("plain", "Show everything", { "data-library": "clear" })));
  else if (found > shown) said.push(button("action", `Show ${Math.min(SHOWN, found - shown)} more`, { "data-library": "more" }));
  if (!now.entries.some((entry) => entry.kind === "own")) {
    const link = make("a", { href: "/train" }, "train one");
    if (!readOnly) said.push(make("p", {}, "You have no runs yet: ", link, ", and it appears here while it trains."));
  }
  for (const sentence of now.damaged) said.push(make("p", { className: "damaged" }, sentence));
  fill("library-after", ...said);
}

function trash() {
  const section = need("library-trash");
  section.hidden = !now.trash.length;
  const key = JSON.stringify(now.trash);
  if (section.dataset.key === key) return;
  section.dataset.key = key;
  const listed = now.trash.map((entry) => {
    const labels = { "data-library": "restore", "data-of": entry.id, "aria-label": `Restore ${titleOf(entry)}` };
    return make(
      "li",
      {},
      make("span", { className: "trash-name", title: entry.name }, titleOf(entry)),
      make("span", { className: "value" }, `${megabytes(entry.bytes)}, deleted ${moment(entry.deleted)}`),
      readOnly ? null : button("plain", "Restore", labels),
    );
  });
  const title = make("h3", { id: "library-trash-title" }, "Trash");
  section.replaceChildren(
    make("div", { className: "card-head" }, title, readOnly ? null : button("action", "Empty the trash", { "data-library": "empty" })),
    make("p", { className: "hint" }, `What is deleted stays here for ${now.words.days} days.`),
    make("ul", { className: "trash" }, ...listed),
  );
}

// What is asked

let turn = 0;

/**
 * How far a run's distillation is, or why it failed.
 * @param {string} key
 */
function distilling(key) {
  const name = key.startsWith("own/") ? key.slice(4) : "";
  return { distilling: now.measuring.distillation[name] || "", notDistilled: now.notMeasured.distillation[name] || "" };
}

async function look() {
  const [found, tag] = await askWithTag("/api/library");
  if (tag !== null && tag === now.tag) return;
  const openNow = () => now.entries.find((entry) => keyOf(entry) === now.open);
  const said = () => JSON.stringify([openNow(), distilling(now.open)]);
  const before = said();
  Object.assign(now, {
    entries: found.entries,
    trash: found.trash,
    damaged: found.damaged,
    measuring: found.measuring,
    notMeasured: found.not_measured,
    tag,
  });
  const open = openNow();
  if (!open) Object.assign(now, { open: "", details: null });
  else if (!now.details || said() !== before) await unfold(now.open);
  now.ready = true;
  draw();
}

async function watch() {
  const mine = (turn += 1);
  const current = () => mine === turn && isHere("library");
  while (current()) {
    if (document.visibilityState === "visible" && navigator.onLine) {
      try {
        await look();
        if (mine === turn && now.away) problem("");
        now.away = false;
      } catch (error) {
        now.away = true;
        if (current()) problem(sentenceOf(error));
      }
    }
    await sleep(OFTEN);
  }
}

/**
 * The details of a run, in a row of their own; what is being written there is not overwritten.
 * @param {string} key
 */
async function unfold(key) {
  const active = document.activeElement;
  const before = now.details?.key === key ? now.details : null;
  if (before && active && before.row.contains(active) && active.matches("input, textarea, select")) return;
  const found = await ask(pathOf(key));
  if (now.open !== key) return;
  now.details = { key, row: details(found, { key, words: now.words, ...distilling(key) }) };
}

/** @param {string} key */
async function toggle(key) {
  now.open = now.open === key ? "" : key;
  now.details = null;
  draw();
  if (now.open) {
    await unfold(key);
    draw();
  }
}

// What is pressed

/**
 * @param {string} text
 * @param {string | null} undo what brings back what was deleted
 */
function notice(text, undo = null) {
  const back = undo ? [" ", button("plain", "Undo", { "data-library": "restore", "data-of": undo })] : [];
  fill("library-notice", ...(text ? [make("span", {}, text)] : []), ...back);
}

const question = () => need("library-question", HTMLDialogElement);

/** @type {Record<string, (of: string, button: HTMLElement) => unknown>} */
const ACTS = {
  sort(of) {
    now.view.sort = now.view.sort === of ? `-${of}` : of;
    draw();
  },
  more() {
    now.most += SHOWN;
    draw();
  },
  clear() {
    for (const name of FILTERS) setProps(`library-${name}`, { value: unfiltered(name) });
  },
  open: toggle,
  async save(of) {
    const title = need(`library-title-${of}`, HTMLInputElement).value;
    const note = need(`library-note-${of}`, HTMLTextAreaElement).value;
    await post(`${pathOf(of)}/label`, { title, note });
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    await look();
    notice("Saved.");
  },
  async measure(of, { dataset }) {
    await post(`${pathOf(of)}/${dataset.kind}`);
    await look();
  },
  async cancel(of, { dataset }) {
    await post(`${pathOf(of)}/${dataset.kind}/cancel`);
    await look();
  },
  async delete(of) {
    const entry = now.entries.find((one) => keyOf(one) === of);
    const found = await post(`${pathOf(of)}/delete`);
    await look();
    notice(`${entry ? titleOf(entry) : of} is in the trash.`, found.trash);
  },
  async restore(of) {
    const found = await post(`/api/library/trash/${of}/restore`);
    watchRecordings();
    await look();
    notice(`${found.name} was restored.`);
  },
  empty() {
    const said = now.trash.length === 1 ? "the run in the trash" : `all ${now.trash.length} runs in the trash`;
    const no = make("button", { type: "button", className: "action", onclick: () => question().close() }, "No");
    const yes = button("action danger", "Remove permanently", { "data-library": "gone" });
    const text = make("p", { id: "library-question-text" }, `Remove ${said} permanently?`);
    question().replaceChildren(text, make("div", { className: "actions" }, no, yes));
    question().showModal();
  },
  async gone() {
    question().close();
    await post("/api/library/trash/empty");
    await look();
    notice("The trash is empty.");
  },
  async copy(of, button) {
    if (await copyTextOf(need(of))) button.textContent = "Copied";
  },
};

document.addEventListener("click", async (event) => {
  const button = closest(event, "[data-library]");
  const act = ACTS[button?.dataset.library ?? ""];
  if (!button || !act || !isHere("library")) return;
  try {
    problem("");
    await act(button.dataset.of ?? "", button);
  } catch (error) {
    problem(sentenceOf(error));
  }
});
document.addEventListener("change", (event) => {
  const tick = closest(event, "input[data-library-tick]");
  if (tick instanceof HTMLInputElement) {
    now.ticked[tick.checked ? "add" : "delete"](tick.dataset.libraryTick ?? "");
    draw();
  }
  const choice = closest(event, "select[data-library-weights]");
  if (!(choice instanceof HTMLSelectElement)) return;
  need(choice.dataset.libraryWeights ?? "", HTMLAnchorElement).href = choice.value;
});

/**
 * Send weights from elsewhere.
 * @param {URLSearchParams} query
 * @param {File} file
 * @returns {Promise<string>} why they were refused, or ""
 */
async function send(query, file) {
  problem("");
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    const found = await ask(`/api/library/weights?${query}`, { method: "POST", body: file, headers });
    now.open = "";
    await look();
    await toggle(keyOf(found));
    notice(`${found.name} is in the library.`);
    return "";
  } catch (error) {
    return sentenceOf(error);
  }
}

export const callbacks = {
  /**
   * @param {Record<string, string>} view
   * @param {any} words
   */
  open(view, words) {
    Object.assign(now, { view: { ...view }, words, most: SHOWN, open: view.open, details: null, tag: null });
    drawn.clear();
    const room = find("library-import");
    if (room && !room.childElementCount) upload(room, words, send);
    watch();
    watchRecordings();
    return noUpdate();
  },

  /** @param {...(string | null)} values of the filters, in their order */
  filter(...values) {
    if (!now.words) return noUpdate();
    FILTERS.forEach((name, i) => (now.view[name] = (values[i] || unfiltered(name)).slice(0, LONGEST)));
    now.most = SHOWN;
    draw();
    return noUpdate();
  },
};
