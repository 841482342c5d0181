// How the Library page draws one recording as a row of its table.
import { make } from "#shared/elements.mjs";
import { day, megabytes, whole } from "#shared/numbers.mjs";
import { readOnly } from "#shared/tables.mjs";

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
  const field = make("input", { id: `recording-title-${name}`, value: title, maxLength: 80, placeholder: "Title", "aria-label": `Title of ${words}` });
  const text = make("textarea", { id: `recording-note-${name}`, maxLength: 2000, rows: 2, placeholder: "Note", "aria-label": `Note on ${words}` });
  text.value = note;
  const save = make("button", { type: "button", className: "action", "data-recording": "save", "data-of": name }, "Save");
  return make("details", {}, make("summary", {}, "Title and note"), field, text, save);
}

/** @param {Recording} recording */
export function row(recording) {
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
    make("th", { scope: "row" }, make("span", { className: "stack" }, words, title ? value(name) : "", value(note), readOnly ? "" : naming(recording))),
    cell(optimizer, value(recording.learned ? "learned" : "torch")),
    cell(model, value(`${whole(parameters)} parameters, ${whole(components)} recorded`)),
    cell(make("span", { className: "state", title: message }, state), value(stepsOf(recording))),
    cell(value(day(when)), value(megabytes(bytes))),
    cell(
      shown,
      link(`${address}/recording.csv`, "CSV", "Table"),
      link(`${address}/recording.npz`, "NumPy", "Arrays"),
      readOnly ? "" : make("button", { ...remove, "aria-label": `Delete ${words}`, disabled: state === "recording" }, "Delete"),
    ),
  );
}
