// Where figures name whose each line is (its legend group), pointing at one lights it in every figure, legend and table.
(function () {
  "use strict";
  const FAINT = 0.15;
  let lit = null;

  function traces(plot) {
    return (plot._fullData || []).filter((trace) => trace.legendgroup && trace.visible === true);
  }

  // Only the SVG of what is drawn already is touched: Plotly need not draw again.
  function light(group) {
    if (group === lit) return;
    lit = group;
    for (const plot of document.querySelectorAll(".room .js-plotly-plot")) {
      const known = traces(plot).some((trace) => trace.legendgroup === group);
      for (const trace of traces(plot)) {
        const faint = group !== null && known && trace.legendgroup !== group;
        for (const drawn of plot.querySelectorAll(`.trace${trace.uid}`)) drawn.style.opacity = faint ? FAINT : "";
      }
    }
    for (const one of document.querySelectorAll(".legend-switch, tr[data-name]")) {
      one.classList.toggle("lit", group !== null && [one.id, one.dataset.name].some((name) => name === group || name === `show-${group}`));
    }
    if (group === null) delete document.body.dataset.litGroup;
    else document.body.dataset.litGroup = group;
  }

  function wire(plot) {
    if (plot.groupsWired || !plot.on) return;
    plot.groupsWired = true;
    plot.on("plotly_hover", (event) => {
      const named = event.points.map((point) => point.fullData && point.fullData.legendgroup).find(Boolean);
      light(named || null);
    });
    plot.on("plotly_unhover", () => light(null));
  }

  document.addEventListener("pointerover", (event) => {
    const target = event.target.closest ? event.target : null;
    if (!target) return;
    const room = target.closest(".room");
    const plot = room && room.querySelector(".js-plotly-plot");
    if (plot) wire(plot);
    const named = target.closest(".legend-switch, tr[data-name]");
    if (named) light(named.dataset.name || named.id.replace("show-", ""));
    else if (!room) light(null);
  });
})();
