/** Times as RFC 3339 text, in UTC in the years 0001 to 9999. */

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Parses an RFC 3339 time with its offset to milliseconds since 1970, and drops smaller fractions.
 *
 * @returns `undefined` for any other text, for dates such as February 30, and for times outside of the years 1 to 9999 in UTC.
 */
export function timeMsOf(text: string): number | undefined {
  const parts = TIME.exec(text);
  if (parts === null) return undefined;
  const timeMs = Date.parse(text.toUpperCase());
  // Negated, so that it also refuses NaN.
  if (!(timeMs >= FIRST_MS && timeMs <= LAST_MS)) return undefined;
  const lastDay = new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate();
  return Number(parts[3]) <= lastDay ? timeMs : undefined;
}
