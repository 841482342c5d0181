// The Guide in the browser: formulas, figures asked for as one comes near, the contents' mark, the address bar.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const PAGE = "/guide";
  const AHEAD = "700px"; // below the fold at which figures are asked for
  const seen = new WeakSet();

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        dash.set_props(`guide-${target.dataset.chapter}-near`, { data: true });
      }
    },
    { rootMargin: AHEAD },
  );

  // The chapter that is read: the last one whose heading is above the middle.
  function mark() {
    const links = [...document.querySelectorAll(".contents a")];
    if (!links.length) return;
    const above = links.filter((link) => {
      const chapter = document.getElementById(link.hash.slice(1));
      return chapter && chapter.getBoundingClientRect().top < innerHeight / 3;
    });
    const read = above[above.length - 1] || links[0];
    for (const link of links) {
      if (link === read) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  }

  // React leaves alone what it did not make: formulas are put in once.
  function write() {
    for (const place of document.querySelectorAll(".formula:empty")) place.innerHTML = place.dataset.math;
  }

  function arrive() {
    write();
    for (const chapter of document.querySelectorAll(".chapter")) {
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
  new MutationObserver(() => {
    if (waiting || location.pathname !== PAGE) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      arrive();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
  addEventListener("scroll", () => location.pathname === PAGE && mark(), { passive: true });

  dash.guide = {
    address(task) {
      if (location.pathname !== PAGE) return dash.no_update;
      const first = document.querySelector("#guide-task input");
      const query = new URLSearchParams(location.search);
      if (first && first.value === task) query.delete("task");
      else query.set("task", task);
      const text = query.toString();
      const address = PAGE + (text ? `?${text}` : "") + location.hash;
      if (address !== location.pathname + location.search + location.hash) history.replaceState(history.state, "", address);
      return dash.no_update;
    },
  };
})();
