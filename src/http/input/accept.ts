/** Content negotiation by the `Accept` header (RFC 9110, 12.5.1). */

type MediaRange = Readonly<{ type: string; quality: number }>;
/** `rank`: 3 for the exact type, 2 for `text/*`, 1 for any type, 0 for none. `index`: index in the header. */
type Match = Readonly<{ quality: number; rank: number; index: number }>;

/** Whether the client prefers this text type to JSON. With equal quality the more specific range wins, then the first. */
export function prefersText(accept: string | undefined, type: `text/${string}`): boolean {
  if (accept === undefined || !/text\//i.test(accept)) return false;
  const ranges = accept.split(",").map(mediaRange);
  const text = matchOf(ranges, type);
  const json = matchOf(ranges, "application/json");
  if (text.quality !== json.quality) return text.quality > json.quality;
  if (text.quality === 0) return false;
  return text.rank === json.rank ? text.index < json.index : text.rank > json.rank;
}

function mediaRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const quality = given === undefined ? 1 : Number(given.slice(given.indexOf("=") + 1));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 1 };
}

/** The most specific range that matches decides. */
function matchOf(ranges: readonly MediaRange[], type: string): Match {
  const exactFirst = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  for (const [i, mediaType] of exactFirst.entries()) {
    const index = ranges.findIndex((range) => range.type === mediaType);
    const found = ranges[index];
    if (found !== undefined) return { quality: found.quality, rank: exactFirst.length - i, index };
  }
  return { quality: 0, rank: 0, index: ranges.length };
}
