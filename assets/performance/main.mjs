// The Performance page in the browser: the shared legend, the table's order, the address bar, snapshots that open Explore.
import { writeAddress } from "#shared/address.mjs";
import { context, noUpdate } from "#shared/dash.mjs";
import { all } from "#shared/elements.mjs";

const optimizers = () => all(document, ".legend-switch").map((one) => one.id.replace("show-", ""));
const columns = () => all(document, "th[aria-sort]").map((one) => one.id.replace("head-", ""));

/**
 * What the pressed control is for.
 * @param {string} prefix of its id
 */
const pressed = (prefix) => String(context().triggered_id).replace(prefix, "");

/**
 * Traces say by their legend group whose they are; those of nobody stay.
 * @param {{ data: any[] }} figure
 * @param {string[]} shown
 */
function withShown(figure, shown) {
  const visible = (/** @type {any} */ trace) => ({ ...trace, visible: shown.includes(trace.legendgroup) });
  return { ...figure, data: figure.data.map((trace) => (trace.legendgroup ? visible(trace) : trace)) };
}

export const callbacks = {
  /**
   * The rest of the link, which only the browser changes, is added to the server's part of it.
   * @param {string} link
   * @param {string[]} shown
   * @param {string} sort
   */
  address(link, shown, sort) {
    writeAddress("performance", { shown: shown.join(",") || "none", sort }, link);
    return noUpdate();
  },

  /** @param {...any} given clicks of every switch, then the names shown, then the figures */
  toggle(...given) {
    const names = optimizers();
    const name = pressed("show-");
    const before = given[names.length];
    const shown = names.filter((one) => (one === name) !== before.includes(one));
    const figures = given.slice(names.length + 1);
    return [shown, ...names.map((one) => String(shown.includes(one))), ...figures.map((one) => withShown(one, shown))];
  },

  /** @param {...any} given clicks of every heading, then the order now, all orders, and the rows */
  sort(...given) {
    const names = columns();
    const [now, orders, rows] = given.slice(names.length);
    const column = pressed("sort-");
    const next = now === column ? `-${column}` : column;
    const order = orders[next];
    if (!order) return Array(names.length + 2).fill(noUpdate());
    const place = (/** @type {any} */ row) => order.indexOf(row.props["data-name"]);
    const sorted = [...rows].sort((a, b) => place(a) - place(b));
    const direction = next === column ? "ascending" : "descending";
    return [next, sorted, ...names.map((one) => (one === column ? direction : "none"))];
  },

  /**
   * A click on a snapshot of the outer training curve.
   * @param {{ points?: any[] } | null} click
   */
  explore(click) {
    const chosen = click?.points?.find((point) => Array.isArray(point.customdata));
    return chosen ? chosen.customdata[0] : noUpdate();
  },
};
