// The Performance page in the browser: the shared legend, the table's order, the address bar, snapshots that open Explore.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const PAGE = "/performance";
  const OPTIMIZERS = () => [...document.querySelectorAll(".legend-switch")].map((one) => one.id.replace("show-", ""));
  const COLUMNS = () => [...document.querySelectorAll("th[aria-sort]")].map((one) => one.id.replace("head-", ""));

  function pressed(prefix) {
    return String(dash.callback_context.triggered_id).replace(prefix, "");
  }

  // Traces say by their legend group whose they are; those of nobody stay.
  function withShown(figure, shown) {
    const visible = (trace) => ({ ...trace, visible: shown.includes(trace.legendgroup) });
    return { ...figure, data: figure.data.map((trace) => (trace.legendgroup ? visible(trace) : trace)) };
  }

  dash.performance = {
    // The rest of the link, which only the browser changes, is added to the server's part of it.
    address(link, shown, sort) {
      if (location.pathname !== PAGE) return dash.no_update;
      const items = link ? [link] : [];
      if (shown.length < OPTIMIZERS().length) items.push(`shown=${shown.join(",") || "none"}`);
      if (sort !== "meta_loss") items.push(`sort=${sort}`);
      const address = PAGE + (items.length ? `?${items.join("&")}` : "");
      if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
      return dash.no_update;
    },

    // Clicks of every switch, then the names shown, then the figures.
    toggle(...given) {
      const all = OPTIMIZERS();
      const name = pressed("show-");
      const before = given[all.length];
      const shown = all.filter((one) => (one === name) !== before.includes(one));
      const figures = given.slice(all.length + 1);
      return [shown, ...all.map((one) => String(shown.includes(one))), ...figures.map((one) => withShown(one, shown))];
    },

    // Clicks of every heading, then the order now, all orders, and the rows.
    sort(...given) {
      const columns = COLUMNS();
      const [now, orders, rows] = given.slice(columns.length);
      const column = pressed("sort-");
      const next = now === column ? `-${column}` : column;
      const order = orders[next];
      if (!order) return Array(columns.length + 2).fill(dash.no_update);
      const place = (row) => order.indexOf(row.props["data-name"]);
      const sorted = [...rows].sort((one, other) => place(one) - place(other));
      const direction = next === column ? "ascending" : "descending";
      return [next, sorted, ...columns.map((one) => (one === column ? direction : "none"))];
    },

    // A click on a snapshot of the outer training curve.
    explore(click) {
      const chosen = click && click.points && click.points.find((point) => Array.isArray(point.customdata));
      return chosen ? chosen.customdata[0] : dash.no_update;
    },
  };
})();
