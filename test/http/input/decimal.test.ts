/** Decimals of the old wallet and minor units: exact at every size and scale. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimalTextOf, minorUnitsOf, scaleOf } from "../../../src/http/input/decimal.ts";

describe("minor units", () => {
  test.each([
    ["10.0", 2, 1000],
    ["10", 2, 1000],
    ["10.5", 2, 1050],
    ["115.6", 2, 11_560],
    ["0.01", 2, 1],
    ["1e1", 2, 1000],
    ["1.5E+2", 2, 15_000],
    ["25e-1", 2, 250],
    ["0e999", 2, 0],
    ["0.000", 2, 0],
    ["-3.25", 2, -325],
    ["1.10000000000000000000", 2, 110],
    ["7", 0, 7],
    ["7.0", 0, 7],
    ["0.00000001", 8, 1],
    ["90071992547409.91", 2, Number.MAX_SAFE_INTEGER],
  ])("%s at scale %i are %i", (source, scale, minor) => {
    expect(minorUnitsOf(source, scale)).toBe(minor);
  });

  test.each([
    ["0.001", 2, "too_precise"],
    ["1e-3", 2, "too_precise"],
    ["1e-400", 2, "too_precise"],
    ["10.005", 2, "too_precise"],
    ["7.5", 0, "too_precise"],
    ["90071992547409.92", 2, "too_large"],
    ["1e300", 2, "too_large"],
    ["1e9999", 2, "too_large"],
    ["1".repeat(500), 2, "too_large"],
  ])("%s at scale %i is refused: %s", (source, scale, reason) => {
    expect(minorUnitsOf(source, scale)).toBe(reason);
  });

  test("what is written is read again, also in scientific notation", () => {
    const digits = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(fc.maxSafeInteger(), digits, digits, (minor, scale, zeros) => {
        expect(minorUnitsOf(decimalTextOf(minor, scale), scale)).toBe(minor);
        const source = `${minor}${"0".repeat(zeros)}e-${scale + zeros}`;
        expect(minorUnitsOf(source, scale)).toBe(minor);
      }),
    );
  });
});

test("decimals always have a fraction, as Python's floats do", () => {
  expect([0, 5, 110, -1050, 100_000].map((minor) => decimalTextOf(minor, 2))).toEqual([
    "0.0",
    "0.05",
    "1.1",
    "-10.5",
    "1000.0",
  ]);
  expect(decimalTextOf(7, 0)).toBe("7.0");
  expect(scaleOf("USD/2")).toBe(2);
});
