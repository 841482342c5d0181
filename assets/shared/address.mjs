// The address bar always holds a link to the view: this module alone writes it. A choice of what is looked at is a step of the browser's
// history; where the sliders stand is not.
import { parse, toQuery } from "#shared/links.mjs";
import { rememberSubject, showSubject } from "#shared/subject.mjs";
import { pages } from "#shared/tables.mjs";

const CHOICES = ["task", "optimizer", "outer_step", "view", "versus", "compare", "baseline", "sweep", "runs", "run"];
const TOGETHER = 1000; // ms: choices that follow each other so fast (a slider that is dragged) are one step of the history
const PATIENCE = 4000;

let settled = ""; // the page whose view was written since it was opened
let chosen = -Infinity; // when the latest choice was written

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
 * Whether two links of a page differ in what is looked at.
 * @param {string} before the part of a link after "?"
 * @param {string} after
 */
export function isChoice(before, after) {
  const [one, other] = [before, after].map((query) => new URLSearchParams(query));
  return CHOICES.some((name) => one.get(name) !== other.get(name));
}

/**
 * Write the link of a page's view, unless the browser has moved on to another page.
 * @param {string} page
 * @param {Record<string, unknown>} values the fields that the browser writes
 * @param {string} [base] the server's part of the link
 */
export function writeAddress(page, values, base) {
  if (!isHere(page) || returning) return;
  const { path, link } = pages[page];
  const texts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  const query = toQuery(link, texts, base);
  const address = path + (query ? `?${query}` : "") + location.hash;
  if (address !== location.pathname + location.search + location.hash) {
    const choice = settled === page && isChoice(location.search, query);
    const another = choice && performance.now() - chosen > TOGETHER;
    if (choice) chosen = performance.now();
    history[another ? "pushState" : "replaceState"](another ? {} : history.state, "", address);
    seen = location.pathname + location.search;
  }
  settled = page;
  rememberSubject(page);
}

// Back and forward. Dash knows none of the addresses written here, so that it might take the view before for the one that is shown: it leaves
// the page, and opens the view anew.
const NOWHERE = "/nowhere";
const SHOW_ANEW = new Event("popstate");
let returning = 0;
let seen = location.pathname + location.search;

/** @param {() => boolean} there */
async function until(there) {
  const asked = performance.now();
  while (!there() && performance.now() - asked < PATIENCE) await new Promise((resolve) => setTimeout(resolve, 10));
}

const isAway = () => Boolean(document.querySelector("main.lone"));

/** @param {Event} event */
async function onReturn(event) {
  if (event === SHOW_ANEW) return;
  const left = location.pathname === NOWHERE ? history.state?.view : null; // left before it was shown again
  if (left) history.replaceState(null, "", left);
  const [before] = seen.split("?");
  const samePage = before === location.pathname && Object.values(pages).some((page) => page.path === before);
  const sameView = seen === location.pathname + location.search; // another place on it, which is the browser's
  settled = "";
  seen = location.pathname + location.search;
  showSubject();
  if (!samePage || sameView || event.type !== "popstate") return; // Dash sees by itself that it is another page
  event.stopImmediatePropagation();
  const mine = ++returning;
  const [to, state] = [location.href, history.state];
  document.body.classList.add("returning");
  history.replaceState({ view: to }, "", NOWHERE);
  dispatchEvent(SHOW_ANEW);
  await until(isAway);
  if (mine !== returning) return; // one went on meanwhile
  history.replaceState(state, "", to);
  returning = 0;
  dispatchEvent(SHOW_ANEW);
  await until(() => !isAway());
  document.body.classList.remove("returning");
}
addEventListener("popstate", onReturn, true);
addEventListener("_dashprivate_pushstate", onReturn);
