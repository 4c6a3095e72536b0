/** Times as text: RFC 3339 in the years that it can write, which end and begin in UTC. */

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Milliseconds since 1970 of an RFC 3339 time with its offset; smaller parts are dropped. `undefined` for anything else, as
 * the 30th of February, and for what is in UTC before the year 1 or after the year 9999.
 */
export function timeMsOf(text: string): number | undefined {
  const parts = TIME.exec(text);
  if (parts === null) return undefined;
  const timeMs = Date.parse(text.toUpperCase());
  // NaN is in no range.
  if (!(timeMs >= FIRST_MS && timeMs <= LAST_MS)) return undefined;
  const lastDay = new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate();
  return Number(parts[3]) <= lastDay ? timeMs : undefined;
}
