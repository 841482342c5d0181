// The Guide in the browser: formulas, figures asked for as one comes near and then one by one, the contents' mark, the address bar.
import { isHere, readAddress, writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { all, find } from "#shared/elements.mjs";
import { writeFormulas } from "#shared/formulas.mjs";
import { sleep } from "#shared/requests.mjs";

const AHEAD = "700px"; // below the fold at which figures are asked for
const PAUSE = 400; // ms between two looks at whether the next chapter can be asked for
const seen = new WeakSet();
/** @type {WeakSet<HTMLElement>} */
const asked = new WeakSet();

/** @param {HTMLElement} chapter */
function ask(chapter) {
  near.unobserve(chapter);
  asked.add(chapter);
  setProps(`guide-${chapter.dataset.chapter}-near`, { data: true });
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && target instanceof HTMLElement) ask(target);
    }
  },
  { rootMargin: AHEAD },
);

const withFigures = () => all(document, ".chapter").filter((chapter) => chapter.dataset.chapter);
/** @param {HTMLElement} chapter */
const isDrawn = (chapter) => {
  const plots = all(chapter, ".dash-graph");
  return !chapter.querySelector(".coming") && plots.every((plot) => plot.querySelector(".main-svg, .gl-container"));
};

// What is near comes first. Then the other chapters, one after the other while nothing else is to be drawn: paper has every figure.
async function askForTheRest() {
  for (;;) {
    await sleep(PAUSE);
    if (!isHere("guide") || document.hidden) continue;
    const chapters = withFigures();
    const next = chapters.find((chapter) => !asked.has(chapter));
    if (next && chapters.every((chapter) => !asked.has(chapter) || isDrawn(chapter))) ask(next);
  }
}
askForTheRest();

/** Ask for all figures at once. */
function askForAll() {
  if (isHere("guide")) for (const chapter of withFigures()) if (!asked.has(chapter)) ask(chapter);
}
addEventListener("beforeprint", askForAll); // too late for this sheet, unless they are there already
addEventListener("keydown", async (event) => {
  const prints = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "p";
  if (!prints || !isHere("guide") || withFigures().every(isDrawn)) return;
  event.preventDefault();
  askForAll();
  while (isHere("guide") && !withFigures().every(isDrawn)) await sleep(50);
  if (isHere("guide")) print();
});

// The chapter that is read: the last one whose heading is above the middle.
function mark() {
  const links = /** @type {HTMLAnchorElement[]} */ (all(document, ".contents a"));
  if (!links.length) return;
  const above = links.filter((link) => {
    const chapter = find(link.hash.slice(1));
    return chapter && chapter.getBoundingClientRect().top < innerHeight / 3;
  });
  const read = above.at(-1) ?? links[0];
  for (const link of links) {
    if (link === read) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
}

function arrive() {
  writeFormulas();
  for (const chapter of all(document, ".chapter")) {
    if (seen.has(chapter)) continue;
    seen.add(chapter);
    if (chapter.dataset.chapter) near.observe(chapter);
    if (location.hash === `#${chapter.id}`) chapter.scrollIntoView();
  }
  const term = location.hash.startsWith("#term-") && document.querySelector(location.hash);
  if (term && !seen.has(term)) {
    seen.add(term);
    term.scrollIntoView({ block: "center" });
  }
  mark();
}

let waiting = false;
function arriveSoon() {
  if (waiting || !isHere("guide")) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    arrive();
  });
}
new MutationObserver(arriveSoon).observe(document.documentElement, { childList: true, subtree: true });
addEventListener("scroll", () => isHere("guide") && mark(), { passive: true });
arriveSoon(); // modules load late: what is there already has changed before anyone watched

export const callbacks = {
  /** @param {string} task */
  address(task) {
    if (isHere("guide")) writeAddress("guide", { ...readAddress("guide"), task });
    return noUpdate();
  },
};
