// The recordings of the visitor's own trainings: their card on the Library page, asked for as often as the runs.
import { isHere } from "#shared/address.mjs";
import { closest, fill, find, make, need } from "#shared/elements.mjs";
import { day, megabytes, whole } from "#shared/numbers.mjs";
import { ask, post, sentenceOf, sleep } from "#shared/requests.mjs";

const OFTEN = 4000; // ms between two looks

/**
 * @typedef {{
 *   name: string, title: string, note: string, optimizer: string, learned: boolean, model: string, parameters: number, components: number,
 *   steps: number, recorded: number, state: string, message: string, when: number, bytes: number,
 * }} Recording
 */

/** @param {Recording} recording */
export const titleOf = ({ title, name }) => title || name;

/**
 * How many steps there are, and how many of them are recorded.
 * @param {Recording} recording
 */
export const stepsOf = ({ steps, recorded }) =>
  recorded < steps ? `${whole(steps)} steps, ${whole(recorded)} recorded` : `${whole(steps)} steps`;

/** @param {...any} children */
const cell = (...children) => make("td", {}, make("span", { className: "stack" }, ...children));
/** @param {string} text */
const value = (text) => make("span", { className: "value" }, text);

/** @param {Recording} recording */
function naming(recording) {
  const { name, title, note } = recording;
  const words = titleOf(recording);
  const field = make("input", { id: `recording-title-${name}`, value: title, maxLength: 80, "aria-label": `Title of ${words}` });
  const text = make("textarea", { id: `recording-note-${name}`, maxLength: 2000, rows: 2, "aria-label": `Note on ${words}` });
  text.value = note;
  const save = make("button", { type: "button", className: "action", "data-recording": "save", "data-of": name }, "Save");
  return make("details", {}, make("summary", {}, "Title and note"), field, text, save);
}

/** @param {Recording} recording */
function row(recording) {
  const { name, title, note, optimizer, model, parameters, components, state, message, when, bytes } = recording;
  const words = titleOf(recording);
  const address = `/api/recordings/${name}`;
  /** @param {string} href @param {string} text @param {string} about */
  const link = (href, text, about) => make("a", { href, "aria-label": `${about}: ${words}` }, text);
  const shown = recording.recorded ? link(`/?recording=${name}`, "Explore", "Explore") : value("no step yet");
  const remove = { type: "button", className: "plain", "data-recording": "delete", "data-of": name };
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("span", { className: "stack" }, words, title ? value(name) : "", value(note), naming(recording))),
    cell(optimizer, value(recording.learned ? "learned" : "torch")),
    cell(model, value(`${whole(parameters)} parameters, ${whole(components)} recorded`)),
    cell(make("span", { className: "state", title: message }, state), value(stepsOf(recording))),
    cell(value(day(when)), value(megabytes(bytes))),
    cell(
      shown,
      link(`${address}/recording.csv`, "CSV", "Table"),
      link(`${address}/recording.npz`, "NumPy", "Arrays"),
      make("button", { ...remove, "aria-label": `Delete ${words}`, disabled: state === "recording" }, "Delete"),
    ),
  );
}

const HEADS = ["Recording", "Optimizer", "Model", "State", "Made", "Open, download"];

/** @param {{ recordings: Recording[], damaged: string[] }} found */
function draw({ recordings, damaged }) {
  const card = find("library-recordings");
  if (!card) return;
  const says = JSON.stringify([recordings, damaged]);
  const active = document.activeElement;
  const writing = active instanceof HTMLElement && card.contains(active) && active.matches("input, textarea");
  if (card.dataset.says === says || writing) return;
  card.dataset.says = says;
  card.hidden = !recordings.length && !damaged.length;
  const heads = HEADS.map((text) => make("th", { scope: "col" }, text));
  const caption = make("caption", { className: "unseen" }, "Recordings of your own trainings");
  const table = make("table", { className: "scores shelf" }, caption, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...recordings.map(row)));
  card.replaceChildren(
    make("h3", { id: "library-recordings-title" }, "Recordings of your own trainings"),
    make("div", { className: "table-room", tabIndex: 0, role: "region", "aria-label": "Recordings" }, table),
    ...damaged.map((sentence) => make("p", { className: "damaged" }, sentence)),
  );
}

const look = async () => draw(await ask("/api/recordings"));

let turn = 0;

/** Ask again and again, as long as the page is open. What does not answer is told by the list of runs, which asks the same server. */
export async function watchRecordings() {
  const mine = (turn += 1);
  delete find("library-recordings")?.dataset.says;
  while (mine === turn && isHere("library")) {
    if (document.visibilityState === "visible" && navigator.onLine) await look().catch(() => null);
    await sleep(OFTEN);
  }
}

/** @type {Record<string, (name: string) => Promise<void>>} */
const ACTS = {
  async save(name) {
    const title = need(`recording-title-${name}`, HTMLInputElement).value;
    const note = need(`recording-note-${name}`, HTMLTextAreaElement).value;
    await post(`/api/recordings/${name}/label`, { title, note });
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    fill("library-notice", make("span", {}, "Saved."));
  },
  async delete(name) {
    const found = await post(`/api/recordings/${name}/delete`);
    const undo = { type: "button", className: "plain", "data-library": "restore", "data-of": found.trash };
    fill("library-notice", make("span", {}, `${name} is in the trash.`), " ", make("button", undo, "Undo"));
  },
};

if (typeof document !== "undefined") {
  document.addEventListener("click", async (event) => {
    const button = closest(event, "[data-recording]");
    const act = ACTS[button?.dataset.recording ?? ""];
    if (!button || !act || !isHere("library")) return;
    try {
      await act(button.dataset.of ?? "");
      await look();
    } catch (error) {
      fill("library-problem", make("p", {}, sentenceOf(error)));
    }
  });
}
