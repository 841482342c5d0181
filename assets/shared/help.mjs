// The keys of the page, in a dialog that "?" opens on every page.
(function () {
  "use strict";
  const FIGURES = [
    [["Tab"], "to the next control, and to the menu (⋯) of each figure"],
    [["Esc"], "closes a menu or a dialog, puts an enlarged figure back"],
  ];
  const SLIDER = [["←", "→"], "on a slider: one position back or on"];
  const ENDS = [["Home", "End"], "on a slider: to its first or last position"];
  const KEYS = {
    "/": [
      [["Space"], "plays and pauses"],
      [["←", "→"], "one inner step back or on"],
      [["Home", "End"], "to the first or the last inner step"],
      ...FIGURES,
    ],
    "/mechanisms": [SLIDER, ENDS, ...FIGURES],
    "/train": FIGURES,
    "/guide": [SLIDER, ENDS, ...FIGURES],
    "": FIGURES,
  };
  const ALWAYS = [[["?"], "this list"]];

  function make(tag, ...children) {
    const element = document.createElement(tag);
    element.append(...children);
    return element;
  }

  function row([keys, what]) {
    const names = keys.flatMap((key, i) => (i ? [" ", make("kbd", key)] : [make("kbd", key)]));
    return make("div", make("dt", ...names), make("dd", what));
  }

  function dialog() {
    let box = document.getElementById("help");
    if (box) return box;
    const close = make("button", "Close");
    Object.assign(close, { type: "button", className: "action" });
    close.addEventListener("click", () => box.close());
    const title = make("h2", "Keys of this page");
    title.id = "help-title";
    box = make("dialog", title, make("dl"), close);
    Object.assign(box, { id: "help", className: "help" });
    box.setAttribute("aria-labelledby", "help-title");
    box.addEventListener("keydown", (event) => {
      if (event.key === "?") box.close();
      event.stopPropagation(); // the page behind it has keys of its own
    });
    box.addEventListener("click", (event) => event.target === box && box.close());
    document.body.append(box);
    return box;
  }

  function open() {
    if (document.querySelector("dialog[open]")) return;
    const box = dialog();
    const keys = KEYS[location.pathname] || KEYS[""];
    box.querySelector("dl").replaceChildren(...[...keys, ...ALWAYS].map(row));
    box.showModal();
    box.querySelector("button").focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest && event.target.closest("input:not([type=range]), textarea, select, [contenteditable]")) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => event.target.closest("#help-button") && open());
})();
