// One menu for every figure of every page: enlarge, hide, save as SVG or PNG, its data as CSV, the Python that draws it.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const ROOMS = "#board .panel, .room";
  const PAGES = {
    "/": "explore", "/mechanisms": "mechanisms", "/performance": "performance", "/train": "train", "/runs": "runs", "/guide": "guide",
  };
  const plotOf = (room) => room.querySelector(".js-plotly-plot");
  const pageName = () => (parts.saved ? "explore" : PAGES[location.pathname] || "page");

  // What a room shows: its plot, and the panel and column it belongs to on Explore.
  function about(room) {
    const plot = plotOf(room);
    const { panel: name, column: number = 0 } = room.dataset;
    const column = name && parts.columns ? parts.columns()[Number(number)] : null;
    const overlay = column && column.overlays.find((one) => one.name === name);
    const heading = (name ? room : room.closest("section") || room).querySelector("h2, h3, h4");
    const graph = room.querySelector("[id$=-graph]");
    const figure = name || room.dataset.figure || (graph ? graph.id.replace(/^(performance|train|runs)-|-graph$/g, "") : "figure");
    const text = heading ? heading.firstChild.textContent : figure;
    const many = column && parts.columns().length > 1;
    const title = many ? `${text}: ${column.view.title}` : text;
    return { room, plot, figure, title, column, overlay, panel: name ? room : null, number: Number(number), side: room.dataset.side };
  }

  const fileName = ({ figure, number, side }) => {
    const which = Number(number) || Number(side) ? `-${Number(number || side) + 1}` : "";
    const step = window.loptscope && document.getElementById("inner-step") ? `-step${window.loptscope.step}` : "";
    return `loptscope-${pageName()}-${figure}${which}${step}`;
  };

  // The lines that draw a figure again, from the link of the view.
  function python(it) {
    const { page = pageName(), query = location.search.replace(/^\?/, "") } = it.room.dataset; // of the page it comes from
    const link = parts.saved ? parts.saved.query(window.loptscope.step) : query;
    const more = it.panel ? (it.number ? `, column=${it.number}` : "") : Number(it.side) ? `, side=${it.side}` : "";
    return `import loptscope\n\nview = loptscope.${page}("${link}")\nview.figure("${it.figure}"${more}).show()\n`;
  }

  const ACTS = {
    async svg(it) {
      parts.download(`${fileName(it)}.svg`, await parts.toSVG(it), "image/svg+xml");
    },
    async png(it) {
      parts.download(`${fileName(it)}.png`, await parts.toPNG(await parts.toSVG(it)));
    },
    csv(it) {
      parts.download(`${fileName(it)}.csv`, parts.toCSV(it), "text/csv");
    },
    python(it) {
      const box = dialog();
      box.querySelector("code").textContent = python(it);
      box.showModal();
    },
    enlarge(it) {
      enlarge(it.room.closest(".enlarged") ? null : it.panel || it.room.closest(".card, section") || it.room);
    },
    hide(it) {
      if (it.panel) {
        const rest = parts.panelsShown().filter((name) => name !== it.figure);
        if (rest.length) parts.wantPanels(rest);
        return;
      }
      (it.room.closest(".card") || it.room).classList.add("put-away");
      putAway();
    },
  };
  const LABELS = [
    ["enlarge", "Enlarge"],
    ["hide", "Hide"],
    ["svg", "Save as SVG"],
    ["png", "Save as PNG"],
    ["csv", "Data as CSV"],
    ["python", "Python lines"],
  ];

  // Panels of other pages than Explore come back with one button.
  function putAway() {
    const away = document.querySelectorAll(".put-away");
    let bar = document.getElementById("put-away-bar");
    if (!bar) {
      bar = document.createElement("button");
      Object.assign(bar, { id: "put-away-bar", type: "button", className: "put-away-bar" });
      bar.addEventListener("click", () => {
        for (const one of document.querySelectorAll(".put-away")) one.classList.remove("put-away");
        putAway();
        resized();
      });
      document.body.append(bar);
    }
    bar.hidden = !away.length;
    bar.textContent = away.length === 1 ? "1 figure is hidden: show it" : `${away.length} figures are hidden: show them`;
  }

  const resized = () => window.dispatchEvent(new Event("resize"));
  function enlarge(section) {
    for (const old of document.querySelectorAll(".enlarged")) old.classList.remove("enlarged");
    document.body.classList.toggle("with-enlarged", Boolean(section));
    if (section) section.classList.add("enlarged");
    resized();
  }

  function dialog() {
    let box = document.getElementById("python-lines");
    if (box) return box;
    box = document.createElement("dialog");
    box.id = "python-lines";
    box.setAttribute("aria-label", "Python lines that draw this figure");
    box.innerHTML =
      '<h2>The same figure in Python</h2><pre tabindex="0"><code></code></pre><div class="actions">' +
      '<button type="button" class="action">Copy</button><button type="button" class="action" autofocus>Close</button></div>';
    const [copy, close] = box.querySelectorAll("button");
    copy.addEventListener("click", async () => {
      const code = box.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // not allowed here: the keyboard can
        copy.textContent = "Selected";
      }
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
    close.addEventListener("click", () => box.close());
    document.body.append(box);
    return box;
  }

  // The menu: one for all buttons, at the button that opened it.
  let opener = null;
  function menu() {
    let list = document.getElementById("figure-menu");
    if (list) return list;
    list = document.createElement("div");
    Object.assign(list, { id: "figure-menu", className: "figure-menu", hidden: true });
    list.setAttribute("role", "menu");
    list.setAttribute("aria-label", "Figure");
    for (const [act, label] of LABELS) {
      const item = document.createElement("button");
      Object.assign(item, { type: "button", textContent: label, tabIndex: -1 });
      item.setAttribute("role", "menuitem");
      item.dataset.figureAct = act;
      list.append(item);
    }
    document.body.append(list);
    return list;
  }
  function open(button) {
    const list = menu();
    opener = button;
    button.setAttribute("aria-expanded", "true");
    const room = button.closest(ROOMS);
    list.querySelector("[data-figure-act=enlarge]").textContent = room.closest(".enlarged") ? "Back to its size" : "Enlarge";
    list.hidden = false;
    const box = button.getBoundingClientRect();
    list.style.left = `${Math.max(4, Math.min(box.right - list.offsetWidth, innerWidth - list.offsetWidth - 4))}px`;
    list.style.top = `${Math.min(box.bottom + 2, innerHeight - list.offsetHeight - 4)}px`;
    list.firstChild.focus();
  }
  function shut(refocus) {
    const list = document.getElementById("figure-menu");
    if (!list || list.hidden) return;
    list.hidden = true;
    if (!opener) return;
    opener.setAttribute("aria-expanded", "false");
    if (refocus && opener.isConnected) opener.focus();
    opener = null;
  }

  document.addEventListener("click", async (event) => {
    const item = event.target.closest("[data-figure-act]");
    const button = event.target.closest(".figure-button");
    if (item && opener) {
      const it = about(opener.closest(ROOMS));
      shut(true);
      if (it.plot) await ACTS[item.dataset.figureAct](it);
    } else if (button && button !== opener) {
      shut(false);
      open(button);
    } else shut(Boolean(button));
  });
  document.addEventListener(
    "keydown",
    (event) => {
      const list = document.getElementById("figure-menu");
      if (list && !list.hidden) {
        const items = [...list.children];
        const at = items.indexOf(document.activeElement);
        if (event.key === "Escape") shut(true);
        else if (event.key === "Tab") shut(false);
        else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
        else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
        else if (event.key === "Home") items[0].focus();
        else if (event.key === "End") items[items.length - 1].focus();
        else return;
        if (event.key !== "Tab") event.preventDefault();
        event.stopPropagation();
      } else if (event.key === "Escape" && document.querySelector(".enlarged") && !document.querySelector("dialog[open]")) enlarge(null);
    },
    true,
  );

  // Every figure gets its button as soon as it is there.
  function decorate() {
    for (const room of document.querySelectorAll(ROOMS)) {
      if (room.querySelector(":scope > .figure-button") || !plotOf(room)) continue;
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "figure-button", textContent: "⋯" });
      const { title } = about(room);
      button.setAttribute("aria-label", `Figure menu: ${title}`);
      button.title = "Enlarge, hide, save, Python";
      button.setAttribute("aria-haspopup", "menu");
      button.setAttribute("aria-expanded", "false");
      room.append(button);
    }
    if (document.body.classList.contains("with-enlarged") && !document.querySelector(".enlarged")) enlarge(null);
    if (document.getElementById("put-away-bar")) putAway();
  }
  let waiting = null;
  new MutationObserver(() => {
    if (waiting === null) {
      waiting = setTimeout(() => {
        waiting = null;
        decorate();
      }, 60);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
