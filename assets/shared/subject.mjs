// The subject - task, optimizer, snapshot - goes along from page to page, and the navigation marks the page one is on.
import { setProps } from "#shared/dash.mjs";
import { find } from "#shared/elements.mjs";
import { pages, untrained } from "#shared/tables.mjs";

const KEPT = "loptscope.subject"; // in the tab's storage: it outlives a reload

/** @typedef {{ task?: string, optimizer?: string, outer_step?: string }} Subject what is missing is the default */

/** @type {Subject} */
let subject = read();

/** @returns {Subject} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  } catch {
    return {}; // no storage, or something else in it
  }
}

/**
 * What a page takes of a subject.
 * @param {Subject} of
 * @param {PageEntry["takes"]} takes
 * @param {string[]} others optimizers without a training of ours
 * @returns {Subject}
 */
export function taken({ task, optimizer, outer_step }, takes, others) {
  if (!takes) return {};
  const of = task ? { task } : {};
  if (takes === "task" || !optimizer) return outer_step && takes === "any" ? { ...of, outer_step } : of;
  if (takes === "any") return outer_step ? { ...of, optimizer, outer_step } : { ...of, optimizer };
  const learned = optimizer.replace(/~.*/, ""); // a repaired optimizer is that of a run
  return others.includes(learned.replace(/:.*/, "")) ? of : { ...of, optimizer: learned };
}

/**
 * The subject after a page has shown the view of a link.
 * @param {Subject} before
 * @param {PageEntry["takes"]} takes what the page takes of a subject
 * @param {string} query the part of the link after "?"
 * @param {string[]} others optimizers without a training of ours
 * @returns {Subject}
 */
export function after(before, takes, query, others) {
  const given = Object.fromEntries(new URLSearchParams(query));
  if (!takes) return before;
  const shown = taken(given, takes, others);
  const same = JSON.stringify(taken(before, takes, others)) === JSON.stringify(shown);
  return same ? before : shown; // what the page cannot show stays as it was
}

/** @param {string} name of a page */
function addressOf(name) {
  const { path, takes } = pages[name];
  const query = new URLSearchParams(/** @type {Record<string, string>} */ (taken(subject, takes, untrained)));
  return path + (query.size ? `?${query}` : "");
}

/** Mark the page in the navigation, and let its links lead to the subject. */
export function showSubject() {
  for (const [name, { path }] of Object.entries(pages)) {
    const link = find(`nav-${name}`);
    if (!link) continue;
    if (path === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    const href = addressOf(name);
    if (link.getAttribute("href") !== href) setProps(`nav-${name}`, { href });
  }
}

/**
 * A page shows the view of the address bar.
 * @param {string} page
 */
export function rememberSubject(page) {
  subject = after(subject, pages[page].takes, location.search, untrained);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(subject));
  } catch {
    // a tab without storage: it is kept until the next reload
  }
  showSubject();
}
