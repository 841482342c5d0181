// What Dash calls in the browser.
(function () {
  "use strict";
  const parts = (window.loptscopeParts = window.loptscopeParts || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});

  // Dragging the outer-step slider: one view at a time is asked for, then the newest position, never those between.
  const PATIENCE = 15000; // ms after which an unanswered request is given up
  const outer = { optimizer: null, asked: -Infinity, waiting: null };

  function free() {
    outer.asked = -Infinity;
    if (outer.waiting === null) return;
    dash.set_props("position", { data: outer.waiting });
    Object.assign(outer, { asked: performance.now(), waiting: null });
  }

  // Dash says nothing on the page when a callback's answer does not come: a sentence does.
  const ask = window.fetch;
  window.fetch = async function (request, options) {
    const ours = String((request && request.url) || request).includes("_dash-update-component");
    const fail = (sentence) => {
      const notice = document.querySelector(".notice[role=status]");
      if (!ours || !notice) return;
      dash.set_props(notice.id, { children: sentence });
      free();
    };
    try {
      const response = await ask.call(window, request, options);
      if (response.status >= 400) fail(`This view could not be drawn: the server answered ${response.status}.`);
      return response;
    } catch (error) {
      fail("This view could not be drawn: the server does not answer. It is asked again at the next change.");
      throw error;
    }
  };

  parts.wantPanels = (names) => dash.set_props("panels-shown", { value: names });

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
      free();
      return dash.no_update;
    },

    show(view) {
      if (view) parts.show(view);
      return dash.no_update;
    },

    // Where the page is kept as one file: the address of the view now, with its step.
    saveLink(clicks) {
      if (clicks) location.assign(`/api/view.html${location.search}`);
      return dash.no_update;
    },

    async copyLink(clicks) {
      if (!clicks) return dash.no_update;
      setTimeout(() => dash.set_props("copy-link", { children: "Copy link" }), 1500);
      try {
        await navigator.clipboard.writeText(location.href);
        return "Copied";
      } catch {
        return "See the address bar"; // not allowed here
      }
    },

    setPanels(names) {
      parts.setPanels(names);
      return names.join(",");
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
