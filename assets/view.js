// What Dash calls in the browser.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});

  // Dragging the outer-step slider: one view at a time is asked for, then the newest position, never those between.
  const PATIENCE = 15000; // ms after which an unanswered request is given up
  const outer = { optimizer: null, asked: -Infinity, waiting: null };

  dash.loptscope = {
    outerStep(position, optimizer) {
      if (optimizer === outer.optimizer && performance.now() - outer.asked < PATIENCE) {
        outer.waiting = position;
        return dash.no_update;
      }
      Object.assign(outer, { optimizer, asked: performance.now(), waiting: null });
      return position;
    },

    answered() {
      outer.asked = -Infinity;
      if (outer.waiting !== null) {
        dash.set_props("position", { data: outer.waiting });
        Object.assign(outer, { asked: performance.now(), waiting: null });
      }
      return dash.no_update;
    },

    show(view) {
      if (view) parts.show(view);
      return dash.no_update;
    },

    setSpeed(value) {
      parts.setSpeed(value);
      return value;
    },

    // The link's theme, until the button is pressed -> the scheme in force and the theme to remember ("auto": the system's).
    setTheme(clicks, theme) {
      const root = document.documentElement;
      if (clicks) {
        const other = root.getAttribute("data-mantine-color-scheme") === "dark" ? "light" : "dark";
        document.cookie = `theme=${other}; path=/; SameSite=Lax`;
        return [other, other];
      }
      const asked = new URLSearchParams(location.search).get("theme");
      if (asked === "light" || asked === "dark") return [asked, asked === theme ? dash.no_update : asked];
      return [matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", dash.no_update];
    },
  };
})();
