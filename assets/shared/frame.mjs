// What all pages have: help, tour, figure menus, lighting by name, sentences where the server fails, the theme's button.
import { noUpdate } from "#shared/dash.mjs";
import "#shared/drawer.mjs";
import "#shared/failures.mjs";
import "#shared/figure-menu.mjs";
import "#shared/groups.mjs";
import "#shared/help.mjs";
import "#shared/plotly.mjs";
import "#shared/print.mjs";
import "#shared/tour.mjs";
import "#shared/zoom.mjs";

export const callbacks = {
  /**
   * The link's theme, until the button is pressed.
   * @param {number | undefined} clicks
   * @param {string} theme
   * @returns {[string, unknown]} the scheme in force, and the theme to remember ("auto": the system's)
   */
  setTheme(clicks, theme) {
    const root = document.documentElement;
    if (clicks) {
      const other = root.getAttribute("data-mantine-color-scheme") === "dark" ? "light" : "dark";
      document.cookie = `theme=${other}; path=/; SameSite=Lax`;
      return [other, other];
    }
    const asked = new URLSearchParams(location.search).get("theme");
    if (asked === "light" || asked === "dark") return [asked, asked === theme ? noUpdate() : asked];
    return [matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", noUpdate()];
  },
};
