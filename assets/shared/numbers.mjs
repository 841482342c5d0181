// Numbers, sizes and times as text.

const SUPERSCRIPT = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹";

/** @param {unknown} value @returns {value is number} */
export const isFinite = (value) => Number.isFinite(value);

/** @param {string} text */
const minus = (text) => text.replace("-", "−");

/** @param {number} value */
export const whole = (value) => value.toLocaleString("en");

/** @param {string} power as in "+5" or "-12" */
const raised = (power) => [...power.replace("+", "")].map((c) => SUPERSCRIPT["-0123456789".indexOf(c)]).join("");

/**
 * Three significant digits, the same width at every step.
 * @param {number} value
 */
export function fixedWidth(value) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 999.5) return minus(value.toPrecision(3));
  if (size >= 999.5 && size < 9995) return minus(`${Number(value.toPrecision(3))}`); // as wide as with a point
  const [mantissa, power] = value.toExponential(1).split("e");
  return minus(`${mantissa} × 10${raised(power)}`);
}

/**
 * Significant digits with thousands separated, and a power of ten where there would be many zeros.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function readable(value, digits = 3) {
  if (!isFinite(value)) return "none";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    return minus(`${Number(mantissa)} × 10${raised(power)}`);
  }
  return minus(Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 8 }));
}

/**
 * A mean and its standard error, to two digits of the error.
 * @param {number | null} mean
 * @param {number | null} sem
 */
export function plusMinus(mean, sem) {
  if (!isFinite(mean) || !isFinite(sem) || sem <= 0) return readable(mean);
  const places = 1 - Math.floor(Math.log10(sem));
  if (places < 0 || places > 6) return `${readable(mean)} ± ${readable(sem, 2)}`;
  return minus(`${mean.toFixed(places)} ± ${sem.toFixed(places)}`);
}

/** @param {number} bytes */
export const megabytes = (bytes) =>
  bytes < 1e5 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${readable(bytes / 1e6)} MB`;

/**
 * How long something took.
 * @param {number} seconds
 */
export function lasted(seconds) {
  if (seconds < 100) return `${readable(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${readable(seconds / 3600)} h`;
}

/**
 * About how long something will take.
 * @param {number | null | undefined} seconds
 */
export function about(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "less than 1 s";
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
}

/** @param {number} seconds since 1970 */
const date = (seconds) => new Date(seconds * 1000);

/** @param {number} seconds */
export const moment = (seconds) => date(seconds).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** @param {number} seconds */
export const day = (seconds) => date(seconds).toLocaleDateString("en-GB", { dateStyle: "medium" });

/** @param {number} seconds */
export const clock = (seconds) => date(seconds).toLocaleTimeString("en-GB");
