/** Parses the body of a batch into transfers. This is a hot path: a batch has up to 10,000 items. */
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import { workSlices } from "../../../gateway/work-slices.ts";
import { checkWork, elementsOf, isExact, type Survey, surveyOf } from "../../input/exact-json.ts";
import type { RequestSender } from "../../input/fingerprint.ts";
import { decodeItems } from "../../input/message-pack.ts";
import { invalid, Problem, type ProblemCode } from "../../problem.ts";
import { checkSurvey, parseJson, parseSurveyed, utf8Text, withoutMark } from "../../server/body.ts";
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

/** A parsed item: its command, or the code of its refusal. */
type Item = Transfer | CompoundTransfer | ProblemCode;

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

/** JSON: if the body as a whole is not exact, each item is parsed separately. */
function jsonItemsOf(body: Buffer): unknown[] {
  const usualText = body.length <= USUAL_BYTES_MAX ? utf8Text(body) : undefined;
  if (usualText !== undefined && USUAL_BODY.test(usualText)) return transfersOf(parseJson(usualText));
  const survey = surveyOf(body);
  checkSurvey(survey, DEPTH_MAX, VALUES_MAX);
  const text = usualText ?? utf8Text(body);
  const value = parseJson(text);
  const items = transfersOf(value);
  const isAsRead = items.length > BATCH_ITEMS_MAX || isExact(value, survey);
  return isAsRead ? items : elementsOf(text).map((item) => parseItem(item, surveyOf(Buffer.from(item))));
}

function transfersOf(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("", "must be an object");
  for (const name of Object.keys(value))
    if (name !== "transfers") throw invalid(name, "is not a known field");
  const { transfers } = value as { transfers?: unknown };
  if (!Array.isArray(transfers)) throw invalid("transfers", "must be an array");
  return transfers;
}

/** @throws Problem 400 if the body cannot be parsed, 413 if it has too many items */
function itemsOf(body: Buffer, encoding: Encoding): unknown[] {
  if (body.length === 0) throw invalid("", "The body is empty.");
  const items =
    encoding === "application/msgpack"
      ? decodeItems(body, BATCH_ITEMS_MAX, VALUES_MAX)
      : encoding === "application/x-ndjson"
        ? linesOf(body)
        : jsonItemsOf(body);
  if (items.length > BATCH_ITEMS_MAX) {
    throw new Problem("batch_too_large", `A batch may have at most ${BATCH_ITEMS_MAX} items.`);
  }
  return items;
}

function itemOf(asker: RequestSender, value: unknown, key: string | null): Item {
  try {
    return transferOf(asker, value, key, true);
  } catch (failure) {
    if (failure instanceof Problem) return failure.code;
    throw failure;
  }
}

/** The partner of a batch, its encoding and its key. */
export type BatchSource = Readonly<{
  partner: string;
  encoding: Encoding;
  /** Gives item i the key `<key>#i`, unless the item has its own. */
  headerKey: string | null;
}>;

export type BatchRead = Readonly<{
  /** Number of items, including refused ones. */
  count: number;
  transfers: readonly (Transfer | CompoundTransfer)[];
  /** Codes of the items refused here, by item index. */
  refused: ReadonlyMap<number, ProblemCode>;
}>;

/** @throws Problem (as a rejection) 400 if the body cannot be parsed, 413 if it has too many items */
export async function readBatch(
  body: Buffer,
  { partner, encoding, headerKey }: BatchSource,
): Promise<BatchRead> {
  const values = itemsOf(body, encoding);
  const asker: RequestSender = { partner, method: "POST", path: "/v1/transfers/batch" };
  const transfers: (Transfer | CompoundTransfer)[] = [];
  const refused = new Map<number, ProblemCode>();
  for (let i = 0; i < values.length; i++) {
    if (workSlices.isOver) await workSlices.next(partner);
    const item = itemOf(asker, values[i], headerKey === null ? null : `${headerKey}#${i}`);
    if (typeof item === "string") refused.set(i, item);
    else transfers.push(item);
  }
  return { count: values.length, transfers, refused };
}
