/** Values of the flags of a measurement. */

/** @throws TypeError for an unknown value. */
export function oneOf<T extends string>(flag: string, known: readonly T[], text: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new TypeError(`--${flag} knows ${known.join(", ")}, and not ${text}`);
  return found;
}

/** @throws RangeError unless it is a whole number from 1. */
export function count(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${flag} must be a whole number from 1`);
  return value;
}

/** @throws RangeError unless it is above 0. */
export function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`--${flag} must be more than 0`);
  return value;
}
