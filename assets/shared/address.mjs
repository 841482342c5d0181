// The address bar always holds a link to the view: this module alone writes it.
import { parse, toQuery } from "#shared/links.mjs";
import { pages } from "#shared/tables.mjs";

/**
 * Whether the browser is on a page.
 * @param {string} page
 */
export const isHere = (page) => page in pages && location.pathname === pages[page].path;

/**
 * The fields of the link in the address bar.
 * @param {string} page
 */
export const readAddress = (page) => parse(pages[page].link, location.search);

/**
 * Write the link of a page's view, unless the browser has moved on to another page.
 * @param {string} page
 * @param {Record<string, unknown>} values the fields that the browser writes
 * @param {string} [base] the server's part of the link
 */
export function writeAddress(page, values, base) {
  if (!isHere(page)) return;
  const { path, link } = pages[page];
  const texts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  const query = toQuery(link, texts, base);
  const address = path + (query ? `?${query}` : "") + location.hash;
  if (address !== location.pathname + location.search + location.hash) history.replaceState(history.state, "", address);
}
