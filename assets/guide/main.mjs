// The Guide in the browser: formulas, figures asked for as one comes near, the contents' mark, the address bar.
import { isHere, readAddress, writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { all, find } from "#shared/elements.mjs";
import { writeFormulas } from "#shared/formulas.mjs";

const AHEAD = "700px"; // below the fold at which figures are asked for
const seen = new WeakSet();

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !(target instanceof HTMLElement)) continue;
      near.unobserve(target);
      setProps(`guide-${target.dataset.chapter}-near`, { data: true });
    }
  },
  { rootMargin: AHEAD },
);

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
