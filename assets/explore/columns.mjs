// Columns of panels: the first one is Dash's, those beside it are made here, and drawn with the same overlays.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  function head(view, column) {
    const mark = make("i");
    mark.style.setProperty("--mark", view.color);
    const title = make("h2", "", mark, view.title);
    const found = make("div", "column-head", title, make("p", "hint", view.detail));
    found.dataset.column = column;
    return found;
  }

  // A panel like the first column's, for the same kind of figure.
  function panel(name, column) {
    const first = document.getElementById(`${name}-panel`);
    const section = make("section", "panel");
    section.id = `${name}-panel-${column + 1}`;
    Object.assign(section.dataset, { panel: name, column });
    section.setAttribute("aria-label", first.getAttribute("aria-label"));
    const readout = make("div", "readout");
    readout.setAttribute("aria-hidden", "true");
    const title = make("h2", "", first.querySelector("h2").textContent);
    title.title = first.querySelector("h2").title;
    const [under, over, graph] = [make("canvas", "under"), make("canvas", "over"), make("div", "graph")];
    for (const canvas of [under, over]) canvas.setAttribute("aria-hidden", "true");
    section.append(make("div", "panel-head", title, readout), make("div", "plot", under, graph, over));
    return section;
  }

  // Draw a figure where Dash does not: in columns beside the first, and everywhere in a saved page.
  parts.drawFigure = function (plot, figure, config) {
    plot.wanted = figure;
    if (!window.Plotly) setTimeout(() => plot.wanted === figure && parts.drawFigure(plot, figure, config), 20); // Dash is loading it
    else if (plot.drawn !== figure) window.Plotly.react(plot, (plot.drawn = figure).data, figure.layout, config);
  };

  // Make room for the columns of a view, and draw the figures of those beside the first.
  parts.layOut = function (view) {
    const board = document.getElementById("board");
    const beside = document.getElementById("beside");
    const views = [view, ...view.beside];
    board.classList.toggle("compare", views.length > 1);
    board.style.setProperty("--columns", views.length);
    for (const old of beside.querySelectorAll(".column-head")) old.remove();
    for (const old of beside.querySelectorAll(".panel")) {
      if (Number(old.dataset.column) >= views.length) old.remove();
    }
    if (views.length > 1) beside.append(...views.map(head));
    views.slice(1).forEach((one, i) => {
      for (const name of parts.names()) {
        let section = document.getElementById(`${name}-panel-${i + 2}`);
        if (!section) beside.append((section = panel(name, i + 1)));
        parts.drawFigure(section.querySelector(".graph"), one.figures[name], view.config);
      }
    });
    parts.showPanels();
    return views;
  };

  // Which panels are shown: those of the control, in every column; all as long as nothing was chosen.
  let chosen = null;
  parts.names = () => Object.keys(parts.panels);
  parts.panelsShown = () => chosen || parts.names();
  parts.choosePanels = function (names) {
    chosen = parts.names().filter((name) => names.includes(name));
    parts.showPanels();
  };
  parts.showPanels = function () {
    const board = document.getElementById("board");
    if (!board) return;
    let row = 1;
    let changed = board.dataset.columns !== board.style.getPropertyValue("--columns");
    for (const name of parts.names()) {
      const hidden = !parts.panelsShown().includes(name);
      row += hidden ? 0 : 1;
      for (const section of board.querySelectorAll(`.panel[data-panel="${name}"]`)) {
        changed = changed || hidden !== section.hasAttribute("data-hidden");
        section.toggleAttribute("data-hidden", hidden); // out of sight, yet of a size: Plotly goes on drawing it
        section.style.setProperty("--row", row);
      }
    }
    board.dataset.shown = parts.panelsShown().length;
    board.dataset.columns = board.style.getPropertyValue("--columns");
    if (changed) window.dispatchEvent(new Event("resize")); // figures take on the room they have now
  };
})();
