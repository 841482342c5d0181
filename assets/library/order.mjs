// Which runs the Library page shows, and in what order.

/**
 * What the server says of a run: see the library's routes.
 * @typedef {Record<string, any> & { kind: string, name: string, title: string, task: string, state: string }} Entry
 */

/** @typedef {Record<string, string>} Filters text, task, cell, origin, state and sort, as the link has them */

export const ANY = "any";

/** @param {Entry} entry */
export const keyOf = (entry) => `${entry.kind}/${entry.name}`;

/** @param {Entry} entry @returns {string} */
export const titleOf = (entry) => entry.title || entry.called || entry.name;

/**
 * Whether a run fits the filters: every word of the text is somewhere in what is said of it.
 * @param {Entry} entry
 * @param {Filters} filters
 * @param {Record<string, string>} tasks titles by name
 */
export function fits(entry, { text, task, cell, origin, state }, tasks) {
  const own = entry.kind === "own" ? "own" : "shipped";
  if (task !== ANY && entry.task !== task) return false;
  if (cell !== ANY && entry.cell !== cell) return false;
  if (origin !== ANY && own !== origin) return false;
  if (state !== ANY && entry.state !== state) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const { title, name, note, label } = entry;
  const said = `${title} ${entry.called ?? ""} ${name} ${note} ${entry.task} ${tasks[entry.task]} ${label} ${entry.origin}`.toLowerCase();
  return words.every((word) => said.includes(word));
}

/** @type {Record<string, (entry: Entry) => any>} what a column is sorted by, where that is not the entry of its name */
const VALUES = {
  title: (entry) => titleOf(entry).toLowerCase(),
  last: (entry) => entry.curve.last,
  held_out: (entry) => (entry.held_out ? entry.held_out.mean : null),
};

/** @param {string} sort a column, with "-" before it downwards */
export const columnOf = (sort) => sort.replace(/^-/, "");

/**
 * What has no value comes last whichever way; equals stay in the order in which the server lists them.
 * @param {Entry[]} entries
 * @param {string} sort
 */
export function inOrder(entries, sort) {
  const column = columnOf(sort);
  const sign = sort.startsWith("-") ? -1 : 1;
  const value = VALUES[column] ?? ((entry) => entry[column]);
  const pairs = entries.map((entry) => ({ entry, value: value(entry) }));
  const isNone = (/** @type {{ value: any }} */ pair) => pair.value === null || pair.value === undefined;
  const known = pairs.filter((pair) => !isNone(pair));
  known.sort(({ value: a }, { value: b }) => {
    return (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b) * sign;
  });
  return [...known, ...pairs.filter(isNone)].map(({ entry }) => entry);
}
