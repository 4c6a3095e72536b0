/** Codec of a transfer's act: the common fields as flat values, then the act's own fields as a map. */
import type { Act, JsonValue } from "./act.ts";
import { readValue, writeValue } from "./pack.ts";
import type { PackReader } from "./pack-reader.ts";
import { MAP_PAIRS_MAX, type PackWriter } from "./pack-writer.ts";

const FIELDS = 4;

export function writeAct(writer: PackWriter, { programme, act, subject, ...own }: Act): void {
  writer.array(FIELDS);
  writer.text(programme);
  writer.text(act);
  writer.text(subject);
  const names = Object.keys(own);
  if (names.length === 0) writer.nil();
  else if (names.length > MAP_PAIRS_MAX) writeValue(writer, own);
  else {
    writer.map(names.length);
    for (const name of names) {
      writer.text(name);
      writeJson(writer, (own as Readonly<Record<string, JsonValue>>)[name] as JsonValue);
    }
  }
}

export function writeActOrNil(writer: PackWriter, act: Act | undefined): void {
  if (act === undefined) writer.nil();
  else writeAct(writer, act);
}

/** Most fields are a string, a number or null, which are cheaper to write here than with the general packer. */
function writeJson(writer: PackWriter, value: JsonValue): void {
  if (value === null) writer.nil();
  else if (typeof value === "string") writer.text(value);
  else if (typeof value === "number" && Number.isSafeInteger(value)) writer.number(value);
  else writeValue(writer, value);
}

export function readAct(reader: PackReader): Act {
  const fields = reader.array();
  const programme = reader.cachedText();
  const name = reader.cachedText();
  const subject = reader.cachedText();
  const act: Act & Record<string, JsonValue> = { programme, act: name, subject };
  if (!reader.nil()) {
    for (let pairs = reader.map(); pairs > 0; pairs--) act[reader.cachedText()] = readJson(reader);
  }
  reader.skip(fields - FIELDS);
  return act;
}

function readJson(reader: PackReader): JsonValue {
  if (reader.nil()) return null;
  // Most strings here are ids that are used as Map keys, so the cache makes their look-ups cheap.
  return reader.isText() ? reader.cachedText() : (readValue(reader) as JsonValue);
}
