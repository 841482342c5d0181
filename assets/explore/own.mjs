// Hyperparameters of the visitor's own: a slider for each, between the ends of a random search, on the scale on which that draws them.
import { Latest } from "#explore/latest.mjs";
import { setProps } from "#shared/dash.mjs";
import { find, make } from "#shared/elements.mjs";
import { readable } from "#shared/numbers.mjs";

const LAST = 1000; // position of a slider's end
const LEAST = 1e-3; // of a value that can be 0: the slider's first position

/** @typedef {{ name: string, low: number, high: number, kind: string, tuned: number }} Range */

export const latest = new Latest("own");

/** @param {number} low @param {number} high @param {number} share */
const between = (low, high, share) => Math.exp(Math.log(low) + share * Math.log(high / low));
/** @param {number} low @param {number} high @param {number} value */
const shareOf = (low, high, value) => Math.log(value / low) / Math.log(high / low);

/** @param {number} value of three digits */
const rounded = (value) => Number(value.toPrecision(3));

/**
 * The value at a position of a slider.
 * @param {Range} range
 * @param {number} position
 */
export function valueAt({ low, high, kind }, position) {
  const share = position / LAST;
  if (kind === "one_minus_log") return 1 - rounded(between(1 - low, 1 - high, share));
  if (kind === "zero_or_log") return position <= LEAST * LAST ? 0 : rounded(between(low, high, share));
  return rounded(between(low, high, share));
}

/**
 * The position of a value; beyond the ends it is the end.
 * @param {Range} range
 * @param {number} value
 */
export function positionOf({ low, high, kind }, value) {
  const share =
    kind === "one_minus_log" ? shareOf(1 - low, 1 - high, 1 - value) : value <= 0 ? 0 : shareOf(low, high, value);
  return Math.round(LAST * Math.min(1, Math.max(0, share)));
}

/** @param {string} kind @param {Record<string, number>} values */
const nameOf = (kind, values) =>
  `${kind}:${Object.entries(values)
    .map(([name, value]) => `${name}=${Number(value.toPrecision(6))}`)
    .join(";")}`;

/** @param {string} own as in "adam:learning_rate=0.1;beta1=0.9" @returns {Record<string, number>} */
export function valuesOf(own) {
  const [, written = ""] = own.split(":");
  const parts = written.split(";").filter(Boolean);
  return Object.fromEntries(parts.map((part) => part.split("=")).map(([name, value]) => [name, Number(value)]));
}

/** @param {number} value a constant near 1 with the digits of its distance from 1 */
const said = (value) => (value > 0.9 && value < 1 ? value.toFixed(Math.min(8, 1 - Math.floor(Math.log10(1 - value)))) : readable(value));

/**
 * Make the sliders.
 * @param {Range[]} ranges
 * @param {string | null} kind
 * @param {string} own
 */
export function makeSliders(ranges, kind, own) {
  const values = { ...Object.fromEntries(ranges.map(({ name, tuned }) => [name, tuned])), ...valuesOf(own) };
  const rows = ranges.map((range) => {
    const { name } = range;
    const text = make("output", { className: "value" }, said(values[name]));
    const title = name.replace(/_/g, " ");
    const slider = make("input", { type: "range", min: 0, max: LAST, "aria-label": `Your own ${title}` });
    slider.value = String(positionOf(range, values[name]));
    slider.setAttribute("aria-valuetext", said(values[name]));
    slider.addEventListener("input", () => {
      values[name] = valueAt(range, Number(slider.value));
      text.textContent = said(values[name]);
      slider.setAttribute("aria-valuetext", said(values[name]));
      const data = nameOf(kind ?? "", values);
      if (latest.take(data, kind ?? "")) setProps("own", { data });
    });
    return make("div", { className: "own-value" }, make("span", { className: "label" }, title), text, slider);
  });
  find("own-sliders")?.replaceChildren(...rows);
}
