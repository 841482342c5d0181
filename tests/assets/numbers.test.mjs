// Numbers as people read them.
import assert from "node:assert/strict";
import test from "node:test";

import { about, fixedWidth, lasted, megabytes, plusMinus, readable } from "#shared/numbers.mjs";

/**
 * @param {(...given: any[]) => string} format
 * @param {[any[], string][]} rows
 */
function check(format, rows) {
  for (const [given, text] of rows) assert.equal(format(...given), text, `${format.name}(${given})`);
}

test("three digits of the same width, with real minus signs", () => {
  check(fixedWidth, [
    [[0], "0"],
    [[1], "1.00"],
    [[-0.012345], "−0.0123"],
    [[123.4], "123"],
    [[999.6], "1000"],
    [[-1234], "−1230"],
    [[9999], "1.0 × 10⁴"],
    [[12345], "1.2 × 10⁴"],
    [[-0.00012], "−1.2 × 10⁻⁴"],
    [[NaN], "NaN"],
    [[Infinity], "∞"],
    [[-Infinity], "−∞"],
  ]);
});

test("thousands are separated, many zeros are a power of ten", () => {
  check(readable, [
    [[0], "0"],
    [[12345], "12,300"],
    [[-0.5], "−0.5"],
    [[1234567], "1.23 × 10⁶"],
    [[-0.0000123, 2], "−1.2 × 10⁻⁵"],
    [[null], "none"],
  ]);
});

test("a mean has the digits that its standard error leaves", () => {
  check(plusMinus, [
    [[1.23456, 0.0123], "1.235 ± 0.012"],
    [[-1.23456, 0.5], "−1.23 ± 0.50"],
    [[1234, 150], "1,230 ± 150"],
    [[0.5, 0], "0.5"],
    [[0.5, null], "0.5"],
    [[null, 1], "none"],
  ]);
});

test("sizes and times in the unit that fits", () => {
  check(megabytes, [
    [[10], "1 kB"],
    [[99_000], "99 kB"],
    [[2_345_678], "2.35 MB"],
  ]);
  check(lasted, [
    [[1.234], "1.23 s"],
    [[150], "3 min"],
    [[7200], "2 h"],
  ]);
  check(about, [
    [[null], "–"],
    [[0.2], "less than 1 s"],
    [[99.4], "99 s"],
    [[3600], "60 min"],
    [[9000], "2.5 h"],
    [[200_000], "2.3 days"],
  ]);
});
