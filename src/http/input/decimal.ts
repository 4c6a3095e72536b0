/** Decimal money as JSON writes it, and minor units. No number passes through a double. */

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;
/** No amount that fits has as many digits. */
const DIGITS_MAX = 400;

/** `too_precise`: it has digits below one minor unit. `too_large`: beyond 2^53−1 minor units, either way. */
export type Minor = number | "too_precise" | "too_large";

/**
 * The minor units of a JSON number.
 *
 * @param source the number as the text of the body has it, such as `10.50`, `1e1` or `-3`.
 * @param scale decimals of the asset.
 */
export function minorUnitsOf(source: string, scale: number): Minor {
  const [, sign, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(source) ?? [];
  if (sign === undefined || source.length > DIGITS_MAX) return "too_large";
  const digits = `${whole}${fraction}`.replace(/^0+(?=\d)/, "");
  if (/^0+$/.test(digits)) return 0;
  const shift = Number(exponent) - fraction.length + scale;
  if (shift > DIGITS_MAX) return "too_large";
  const kept = shift >= 0 ? `${digits}${"0".repeat(shift)}` : digits.slice(0, shift);
  const dropped = shift >= 0 ? "" : digits.slice(shift);
  if (/[1-9]/.test(dropped) || kept === "") return "too_precise";
  const units = BigInt(kept);
  if (units > BigInt(Number.MAX_SAFE_INTEGER)) return "too_large";
  return sign === "-" ? -Number(units) : Number(units);
}

/** Minor units as the old system wrote its floats: `115.6`, `0.0`. The text is JSON. */
export function decimalTextOf(minor: number, scale: number): string {
  const digits = String(Math.abs(minor)).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${minor < 0 ? "-" : ""}${whole}.${fraction === "" ? "0" : fraction}`;
}

/** The decimals of an asset `CODE/scale`; 0 for a text that names no scale. */
export function scaleOf(asset: string): number {
  return Number(/\/(\d{1,2})$/.exec(asset)?.[1] ?? 0);
}
