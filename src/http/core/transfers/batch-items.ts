/** Parses the body of a batch into its commands. This is a hot path: a batch has up to 10,000 items. */
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import type { ReadTransfers } from "../../../actors/records/packed-transfers.ts";
import type { ScannedTransfers } from "../../../actors/records/scanned-transfers.ts";
import { workSlices } from "../../../gateway/work-slices.ts";
import { checkWork, elementsOf, isExact, type Survey, surveyOf } from "../../input/exact-json.ts";
import type { RequestSender } from "../../input/fingerprint.ts";
import { decodeItems } from "../../input/message-pack.ts";
import { invalid, Problem, type ProblemCode } from "../../problem.ts";
import { checkSurvey, parseJson, parseSurveyed, utf8Text, withoutMark } from "../../server/body.ts";
import { scanJson, scanMessagePack } from "./scan-transfers.ts";
import { transferOf } from "./transfer-request.ts";

export const BATCH_ITEMS_MAX = 10_000;
/** Above what 8 MiB of short postings contain. */
const VALUES_MAX = 700_000;
/** Size of 10,000 items in the usual form. */
const USUAL_BYTES_MAX = 1024 * 1024;
const LINE_END = 10;
/** A deeper body is not parsed at all. Below this, an item that is nested too deeply is refused alone. */
const DEPTH_MAX = 64;

export type Encoding = "application/json" | "application/x-ndjson" | "application/msgpack";

type BatchCommand = Transfer | CompoundTransfer;

/** One kind of batch. Another thread may read its bodies, so a `BatchSource` names it (`BatchKind`). */
export type BatchFormat = Readonly<{
  /** The member of a JSON body that holds the items. */
  list: string;
  path: string;
  /** Bodies in the form that most programs write: `JSON.parse` reads them exactly. */
  usual?: RegExp;
  /** Reads a body without keys whose items all are of the most frequent kind; `undefined` for any other. */
  scan?: (partner: string, body: Uint8Array, encoding: Encoding) => ScannedTransfers | undefined;
  /**
   * The command of an item.
   *
   * @param key gives the item its key, unless it has its own. @param till see `BatchSource`. @throws Problem 400
   */
  commandOf: (
    sender: RequestSender,
    value: unknown,
    key: string | null,
    till: string | undefined,
  ) => BatchCommand;
}>;

/** A parsed item: its command, or the code of its refusal. */
type Item = BatchCommand | ProblemCode;

/** Placeholder for an item that could not be parsed. */
const UNREADABLE = Symbol("unreadable");

function parseItem(text: string, survey: Survey): unknown {
  try {
    checkSurvey(survey);
    return parseSurveyed(text, survey);
  } catch {
    return UNREADABLE;
  }
}

/** NDJSON: one item per line. Blank lines are skipped and have no result. A line that is not JSON fails alone. */
function linesOf(sent: Buffer): unknown[] {
  const text = utf8Text(sent);
  const body = withoutMark(sent);
  const isAscii = text.length === body.length;
  const items: unknown[] = [];
  let values = 0;
  let start = 0;
  while (start < body.length && items.length <= BATCH_ITEMS_MAX) {
    let end = body.indexOf(LINE_END, start);
    if (end < 0) end = body.length;
    const survey = surveyOf(body, start, end);
    const line = isAscii ? text.slice(start, end) : body.toString("utf8", start, end);
    start = end + 1;
    if (line.trim() === "") continue;
    values += survey.values;
    checkWork({ values }, VALUES_MAX);
    items.push(parseItem(line, survey));
  }
  return items;
}

const USUAL_ITEM = String.raw`\{"debit_account": ?"[^"\\]*", ?"credit_account": ?"[^"\\]*", ?"amount": ?\d+(?:, ?"(?:memo|idempotency_key)": ?"[^"\\]*")?\}`;
/**
 * A body in the form that most programs write. `JSON.parse` reads it exactly, and this test is cheaper than a scan.
 */
const USUAL_BODY = new RegExp(`^\\{"transfers": ?\\[${USUAL_ITEM}(?:, ?${USUAL_ITEM})*\\]\\}$`);

export const TRANSFERS: BatchFormat = {
  list: "transfers",
  path: "/v1/transfers/batch",
  usual: USUAL_BODY,
  scan: (partner, body, encoding) => {
    if (encoding === "application/x-ndjson") return undefined;
    const scan = encoding === "application/json" ? scanJson : scanMessagePack;
    return scan(partner, body, BATCH_ITEMS_MAX);
  },
  commandOf: (sender, value, key) => transferOf(sender, value, key, true),
};

/** JSON: if the body as a whole is not exact, each item is parsed separately. */
function jsonItemsOf(body: Buffer, { list, usual }: BatchFormat): unknown[] {
  const usualText = body.length <= USUAL_BYTES_MAX ? utf8Text(body) : undefined;
  if (usualText !== undefined && usual?.test(usualText) === true) return listIn(parseJson(usualText), list);
  const survey = surveyOf(body);
  checkSurvey(survey, DEPTH_MAX, VALUES_MAX);
  const text = usualText ?? utf8Text(body);
  const value = parseJson(text);
  const items = listIn(value, list);
  const isAsRead = items.length > BATCH_ITEMS_MAX || isExact(value, survey);
  return isAsRead ? items : elementsOf(text).map((item) => parseItem(item, surveyOf(Buffer.from(item))));
}

function listIn(value: unknown, list: string): unknown[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("", "must be an object");
  for (const name of Object.keys(value)) if (name !== list) throw invalid(name, "is not a known field");
  const items = (value as Readonly<Record<string, unknown>>)[list];
  if (!Array.isArray(items)) throw invalid(list, "must be an array");
  return items;
}

/** @throws Problem 400 if the body cannot be parsed, 413 if it has too many items */
function itemsOf(body: Buffer, encoding: Encoding, format: BatchFormat): unknown[] {
  if (body.length === 0) throw invalid("", "The body is empty.");
  const items =
    encoding === "application/msgpack"
      ? decodeItems(body, BATCH_ITEMS_MAX, VALUES_MAX)
      : encoding === "application/x-ndjson"
        ? linesOf(body)
        : jsonItemsOf(body, format);
  if (items.length > BATCH_ITEMS_MAX) {
    throw new Problem("batch_too_large", `A batch may have at most ${BATCH_ITEMS_MAX} items.`);
  }
  return items;
}

function itemOf(make: () => BatchCommand): Item {
  try {
    return make();
  } catch (failure) {
    if (failure instanceof Problem) return failure.code;
    throw failure;
  }
}

export type BatchKind = "transfers" | "movements";

/** The kind of a batch, its partner, its encoding and its key. */
export type BatchSource = Readonly<{
  kind: BatchKind;
  partner: string;
  /** The name of the till's key that has sent it, if one has. */
  till?: string;
  encoding: Encoding;
  /** Gives item i the key `<key>#i`, unless the item has its own. */
  headerKey: string | null;
}>;

export type BatchRead = Readonly<{
  /** Number of items, including refused ones. */
  count: number;
  transfers: ReadTransfers;
  /** Codes of the items refused here, by item index. */
  refused: ReadonlyMap<number, ProblemCode>;
}>;

const NONE_REFUSED: ReadonlyMap<number, ProblemCode> = new Map();

/** @throws Problem (as a rejection) 400 if the body cannot be parsed, 413 if it has too many items */
export async function readBatch(
  body: Buffer,
  { partner, encoding, headerKey, till }: BatchSource,
  format: BatchFormat,
): Promise<BatchRead> {
  const scanned = headerKey === null ? format.scan?.(partner, body, encoding) : undefined;
  if (scanned !== undefined) return { count: scanned.count, transfers: scanned, refused: NONE_REFUSED };
  const values = itemsOf(body, encoding, format);
  const sender: RequestSender = { partner, method: "POST", path: format.path };
  const transfers: (Transfer | CompoundTransfer)[] = [];
  const refused = new Map<number, ProblemCode>();
  for (let i = 0; i < values.length; i++) {
    if (workSlices.isOver) await workSlices.next(partner);
    const key = headerKey === null ? null : `${headerKey}#${i}`;
    const item = itemOf(() => format.commandOf(sender, values[i], key, till));
    if (typeof item === "string") refused.set(i, item);
    else transfers.push(item);
  }
  return { count: values.length, transfers, refused };
}
