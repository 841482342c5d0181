// What Dash calls in the browser.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});

  dash.loptscope = {
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
        return [other, other];
      }
      const asked = new URLSearchParams(location.search).get("theme");
      if (asked === "light" || asked === "dark") return [asked, asked === theme ? dash.no_update : asked];
      return [matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", dash.no_update];
    },
  };
})();
