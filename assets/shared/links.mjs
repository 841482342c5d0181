// How links are written: fields that say what an empty link says are left out.

/**
 * @param {string} name
 * @param {string} text
 */
function item(name, text) {
  return String(new URLSearchParams({ [name]: text })).replace(/%(2C|40|2F)/g, decodeURIComponent);
}

/**
 * The part of a link after "?".
 * @param {Record<string, string>} defaults what an empty link says of each field
 * @param {Record<string, string>} values fields as text, in the order in which they are written
 * @param {string} [base] what the server wrote of it already
 */
export function toQuery(defaults, values, base = "") {
  const own = Object.entries(values).filter(([name, text]) => text !== defaults[name]);
  return [...(base ? [base] : []), ...own.map(([name, text]) => item(name, text))].join("&");
}

/**
 * The fields of a link as text; what is not part of the table is left out.
 * @param {Record<string, string>} defaults
 * @param {string} query
 * @returns {Record<string, string>}
 */
export function parse(defaults, query) {
  const given = new URLSearchParams(query);
  return Object.fromEntries(Object.entries(defaults).map(([name, text]) => [name, given.get(name) ?? text]));
}
