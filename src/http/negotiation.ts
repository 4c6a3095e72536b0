/** Which form of an answer a client prefers (RFC 9110, 12.5.1). */

type MediaRange = Readonly<{ type: string; quality: number }>;
/** `rank`: 3 for the type itself, 2 for `text/*`, 1 for any, 0 for none; `place` in the header. */
type Match = Readonly<{ quality: number; rank: number; place: number }>;

/** Of two forms of equal quality the one that is named more exactly wins, then the one that is named first. */
export function prefersCsv(accept: string | undefined): boolean {
  if (accept === undefined || !/text\//i.test(accept)) return false;
  const ranges = accept.split(",").map(mediaRange);
  const csv = matchOf(ranges, "text/csv");
  const json = matchOf(ranges, "application/json");
  if (csv.quality !== json.quality) return csv.quality > json.quality;
  if (csv.quality === 0) return false;
  return csv.rank === json.rank ? csv.place < json.place : csv.rank > json.rank;
}

function mediaRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const quality = given === undefined ? 1 : Number(given.slice(given.indexOf("=") + 1));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 1 };
}

/** The most exact range decides, whatever others say. */
function matchOf(ranges: readonly MediaRange[], type: string): Match {
  const exactFirst = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  for (const [i, wanted] of exactFirst.entries()) {
    const place = ranges.findIndex((range) => range.type === wanted);
    const found = ranges[place];
    if (found !== undefined) return { quality: found.quality, rank: exactFirst.length - i, place };
  }
  return { quality: 0, rank: 0, place: ranges.length };
}
