/** The act that comes with a transfer: what every act has as flat values, and what is its own as a map behind them. */
import { readValue, writeValue } from "./pack.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";
import type { Act } from "./programmes/programme.ts";

const FIELDS = 4;

export function writeAct(writer: PackWriter, { programme, act, subject, ...own }: Act): void {
  writer.array(FIELDS);
  writer.text(programme);
  writer.text(act);
  writer.text(subject);
  if (Object.keys(own).length === 0) writer.nil();
  else writeValue(writer, own);
}

export function readAct(reader: PackReader): Act {
  const fields = reader.array();
  const programme = reader.cachedText();
  const act = reader.cachedText();
  const subject = reader.cachedText();
  const own = reader.nil() ? undefined : (readValue(reader) as object);
  reader.skip(fields - FIELDS);
  return { programme, act, subject, ...own };
}
