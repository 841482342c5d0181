// Five stops over Explore: offered once by a small card, then a dialog that says what the panel it rings is for.
import { all, closest, find, make } from "#shared/elements.mjs";

const MARK = "loptscope.tour"; // in the browser's storage once it has been offered
const START = "loptscope.tour.start"; // for one page load: begin when Explore is there
const STOPS = [
  [
    ".controls",
    "Choose an optimizer",
    "Choose a task and an optimizer: a learned one, or a hand-designed one such as momentum, RMSProp or Adam. Drag Outer step to see a learned optimizer earlier in its own training.",
  ],
  [
    "#loss-panel",
    "Compare losses",
    "Every optimizer runs on the same problem. The hand-designed ones are tuned: each is the best of many random draws of its hyperparameters.",
  ],
  [
    "#state-panel",
    "See its state",
    "Each parameter has its own state, drawn in the two directions in which states differ most. The star is the fixed point that the state reaches when the gradient stays zero.",
  ],
  [
    "#update-panel",
    "See its updates",
    "A straight line is gradient descent. A bend is clipping, a shift is momentum, and a changing slope is a changing learning rate.",
  ],
  [
    ".timeline",
    "Step by step",
    "Play with Space, step with the arrow keys, or drag: all panels move together. The address bar always holds a link to what you see.",
  ],
];

/**
 * @param {string} text
 * @param {() => void} onclick
 * @param {string} [className]
 */
const button = (text, onclick, className = "action") => make("button", { type: "button", className, onclick }, text);

/**
 * Read or write the browser's storage. It may be closed to pages: then the offer comes again, and nothing breaks.
 * @param {string} name
 * @param {string} [value]
 */
function stored(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    return null;
  }
  return value;
}

let at = 0;
/** @type {Element | null} */
let before = null; // what had the focus
/** @type {ReturnType<typeof build> | null} */
let built = null;
const dialog = () => (built ??= build());

function build() {
  const back = button("Back", () => go(at - 1));
  const next = button("Next", () => go(at + 1), "action strong");
  const end = button("End the tour", stop, "action quiet");
  const count = make("p", { className: "tour-count" });
  const title = make("h2", { id: "tour-title" });
  const text = make("p", { id: "tour-text" });
  const labels = { "aria-labelledby": "tour-title", "aria-describedby": "tour-text" };
  const actions = make("div", { className: "actions" }, back, next, end);
  const box = make("dialog", { id: "tour", className: "tour", ...labels }, count, title, text, actions);
  box.addEventListener("close", finish);
  const ring = make("div", { className: "tour-ring", hidden: true, "aria-hidden": "true" });
  document.body.append(box, ring);
  return { box, ring, count, title, text, back, next };
}

// The ring around the stop's panel, and the dialog where it hides least of it.
function place() {
  if (!built?.box.open) return;
  const { box, ring } = built;
  const target = document.querySelector(STOPS[at][0]);
  if (!target) return;
  const { left, top, width, height } = target.getBoundingClientRect();
  const shown = [Math.max(left, 0), Math.max(top, 46), Math.min(left + width, innerWidth), Math.min(top + height, innerHeight)];
  Object.assign(ring.style, {
    left: `${shown[0]}px`,
    top: `${shown[1]}px`,
    width: `${shown[2] - shown[0]}px`,
    height: `${shown[3] - shown[1]}px`,
  });
  const [wide, high, gap] = [box.offsetWidth, box.offsetHeight, 14];
  const beside = [
    [shown[2] + gap, shown[1]],
    [shown[0] - wide - gap, shown[1]],
    [shown[0], shown[3] + gap],
    [shown[0], shown[1] - high - gap],
  ];
  const low = shown[1] + shown[3] > 1.2 * innerHeight; // the panel is further down: the dialog goes to the top
  const [x, y] = beside.find(([x, y]) => x >= 0 && y >= 0 && x + wide <= innerWidth && y + high <= innerHeight) ?? [
    (innerWidth - wide) / 2,
    low ? 54 : innerHeight - high - 12,
  ];
  box.style.left = `${Math.round(Math.min(Math.max(x, 8), innerWidth - wide - 8))}px`;
  box.style.top = `${Math.round(y)}px`;
}

/** @param {number} number */
function go(number) {
  if (number >= STOPS.length) {
    stop();
    return;
  }
  at = Math.max(number, 0);
  const [where, heading, words] = STOPS[at];
  const { count, title, text, back, next } = dialog();
  count.textContent = `Stop ${at + 1} of ${STOPS.length}`;
  title.textContent = heading;
  text.textContent = words;
  back.disabled = at === 0;
  next.textContent = at === STOPS.length - 1 ? "Done" : "Next";
  document.querySelector(where)?.scrollIntoView({ block: "nearest" });
  document.body.dataset.tour = String(at + 1);
  next.focus();
  place();
}

function start() {
  hideOffer();
  stored(MARK, "seen");
  const { box, ring } = dialog();
  if (box.open || document.querySelector("dialog[open]")) return;
  before = document.activeElement;
  box.showModal();
  ring.hidden = false;
  go(0);
}

function stop() {
  dialog().box.close();
}

function finish() {
  dialog().ring.hidden = true;
  delete document.body.dataset.tour;
  const kept = before && before !== document.body && before.isConnected ? before : find("tour-button");
  if (kept instanceof HTMLElement) kept.focus();
}

document.addEventListener(
  "keydown",
  (event) => {
    if (!built?.box.open) return;
    event.stopPropagation(); // the page behind it has keys of its own
    if (event.key === "ArrowRight") go(Math.min(at + 1, STOPS.length - 1));
    else if (event.key === "ArrowLeft") go(at - 1);
    else if (event.key === "Escape") stop();
    else if (event.key === "Tab") {
      const buttons = all(built.box, "button:not(:disabled)");
      const next = buttons.findIndex((one) => one === document.activeElement) + (event.shiftKey ? -1 : 1);
      buttons[(next + buttons.length) % buttons.length].focus();
    } else return;
    event.preventDefault();
  },
  true,
);
addEventListener("resize", place);
addEventListener("scroll", place, { capture: true, passive: true });

// The offer: a card in a corner, once.
/** @type {HTMLElement | null} */
let offer = null;
function hideOffer() {
  offer?.remove();
  offer = null;
}
function makeOffer() {
  const later = () => {
    stored(MARK, "seen");
    hideOffer();
  };
  const accept = button("Take the tour", start, "action strong");
  offer = make(
    "aside",
    { className: "tour-offer", "aria-label": "Tour" },
    make("p", {}, "New here? A five-step tour shows how to read this page."),
    make("div", { className: "actions" }, accept, button("No, thanks", later, "action quiet")),
  );
  document.body.append(offer);
}

document.addEventListener("click", (event) => {
  if (!closest(event, "#tour-button")) return;
  if (find("board")) start();
  else {
    sessionStorage.setItem(START, "yes");
    location.assign("/");
  }
});

const linked = location.search.length > 1; // who opens a link came for what it shows

// Once Explore is drawn: begin if another page's button asked for it, otherwise offer to those who have not been asked.
const watch = setInterval(() => {
  if (!window.loptscope?.steps || !find("inner-step")) return;
  clearInterval(watch);
  let asked;
  try {
    asked = sessionStorage.getItem(START);
    sessionStorage.removeItem(START);
  } catch {
    return; // no storage, no memory of having been offered: never push
  }
  if (asked) start();
  else if (!stored(MARK) && !linked) makeOffer();
}, 150);
