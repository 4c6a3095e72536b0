/** `POST /v1/transfers/batch`: thousands of independent transfers in one request. Every microsecond here counts a thousandfold. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "@hono/zod-openapi";
import type { Transfer } from "../actors/command.ts";
import type { CompoundTransfer } from "../actors/compound-command.ts";

import { OperatingError } from "../operating-error.ts";
import { Turns } from "../turns.ts";
import {
  BATCH_BYTES_MAX,
  checkSurvey,
  mediaType,
  parseJson,
  parseSurveyed,
  readBody,
  utf8Text,
  withoutMark,
} from "./body.ts";
import { answer, type Call, callerOf } from "./call.ts";
import { DryRunQuery } from "./dry-run.ts";
import { checkWork, elementsOf, isExact, type Survey, surveyOf } from "./exact-json.ts";
import type { Asker } from "./fingerprint.ts";
import { decodeItems, encodeResults } from "./message-pack.ts";
import type { ItemAnswer, Ledger } from "./ports.ts";
import { invalid, PROBLEMS, Problem, type ProblemCode } from "./problem.ts";
import type { HttpRequest } from "./request.ts";
import type { Routes } from "./routes.ts";
import { transferOf } from "./transfer-request.ts";
import { TransferItem } from "./transfer-schema.ts";

export const BATCH_ITEMS_MAX = 10_000;
/** 8 MiB of short postings have fewer. */
const VALUES_MAX = 700_000;
/** What 10,000 items take that are written as most are. */
const USUAL_BYTES_MAX = 1024 * 1024;
const LINE_END = 10;
/** What is deeper is not parsed at all. An item that is too deep, but not so deep, is refused in its place. */
const LEVELS_MAX = 64;

const BatchRequest = z
  .object({ transfers: z.array(TransferItem).max(BATCH_ITEMS_MAX) })
  .openapi("TransferBatch");
const BatchAnswer = z
  .object({
    results: z.array(
      z.union([
        z.object({
          status: z.literal(201),
          id: z.string().optional().openapi({ description: "Not of a dry run." }),
        }),
        z.object({ status: z.int(), code: z.string() }),
      ]),
    ),
  })
  .openapi("TransferBatchResults", {
    example: {
      results: [
        { status: 201, id: "tr_0a11001" },
        { status: 422, code: "insufficient_funds" },
      ],
    },
  });

/** What becomes of an item at the door: a command, or the code of its refusal. */
type Item = Transfer | CompoundTransfer | ProblemCode;

type Encoding = "application/json" | "application/x-ndjson" | "application/msgpack";

function encodingOf(request: HttpRequest): Encoding {
  const type = mediaType(request.header("content-type"));
  if (type === "application/json" || type === "application/x-ndjson" || type === "application/msgpack")
    return type;
  throw new Problem(
    "unsupported_media_type",
    "Send application/json, application/x-ndjson or application/msgpack.",
  );
}

/** Stands for an item that could not even be read. */
const UNREADABLE = Symbol("unreadable");

function readable(text: string, survey: Survey): unknown {
  try {
    checkSurvey(survey);
    return parseSurveyed(text, survey);
  } catch {
    return UNREADABLE;
  }
}

/** One item a line; blank lines are no items and have no result. A line that is not JSON spoils itself alone. */
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
    items.push(readable(line, survey));
  }
  return items;
}

const USUAL_ITEM = String.raw`\{"debit_account": ?"[^"\\]*", ?"credit_account": ?"[^"\\]*", ?"amount": ?\d+(?:, ?"(?:memo|idempotency_key)": ?"[^"\\]*")?\}`;
/** A body of items as most programs write them. It says just what is parsed from it, and costs less to see than a survey. */
const USUAL_BODY = new RegExp(`^\\{"transfers": ?\\[${USUAL_ITEM}(?:, ?${USUAL_ITEM})*\\]\\}$`);

/** Where not all is exact, each item is read by itself, as a line is. */
function listed(body: Buffer): unknown[] {
  const small = body.length <= USUAL_BYTES_MAX ? utf8Text(body) : undefined;
  if (small !== undefined && USUAL_BODY.test(small)) return transfersOf(parseJson(small));
  const survey = surveyOf(body);
  checkSurvey(survey, LEVELS_MAX, VALUES_MAX);
  const text = small ?? utf8Text(body);
  const value = parseJson(text);
  const items = transfersOf(value);
  const isAsRead = items.length > BATCH_ITEMS_MAX || isExact(value, survey);
  return isAsRead ? items : elementsOf(text).map((item) => readable(item, surveyOf(Buffer.from(item))));
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

/** @throws Problem 400 when the whole cannot be read, 413 when there are too many */
function itemsOf(body: Buffer, encoding: Encoding): unknown[] {
  if (body.length === 0) throw invalid("", "The body is empty.");
  const items =
    encoding === "application/msgpack"
      ? decodeItems(body, BATCH_ITEMS_MAX, VALUES_MAX)
      : encoding === "application/x-ndjson"
        ? linesOf(body)
        : listed(body);
  if (items.length > BATCH_ITEMS_MAX) {
    throw new Problem("batch_too_large", `A batch may have at most ${BATCH_ITEMS_MAX} items.`);
  }
  return items;
}

function itemOf(asker: Asker, value: unknown, key: string | null): Item {
  try {
    return transferOf(asker, value, key, true);
  } catch (failure) {
    if (failure instanceof Problem) return failure.code;
    throw failure;
  }
}

/** The verdict on each item, in the order of the items: those refused at the door between those from the ledger. */
function merge({ count, refused }: Begun, answers: readonly ItemAnswer[]): readonly ItemAnswer[] {
  if (answers.length !== count - refused.size)
    throw new OperatingError("outcome_unknown", "The ledger answered too few items.");
  if (refused.size === 0) return answers;
  let next = 0;
  return Array.from({ length: count }, (_, place) => {
    const code = refused.get(place);
    return code === undefined ? (answers[next++] as ItemAnswer) : { code };
  });
}

const REFUSED_JSON = new Map<string, string>();

/** `{"status":422,"code":"…"}`, made once per code. */
function refusedJson(code: string): string {
  let text = REFUSED_JSON.get(code);
  if (text === undefined) {
    text = JSON.stringify({ status: statusOfCode(code), code });
    REFUSED_JSON.set(code, text);
  }
  return text;
}

export function statusOfCode(code: string): number {
  return Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as ProblemCode].status : 500;
}

function resultsJson(answers: readonly ItemAnswer[]): string {
  let text = '{"results":[';
  for (let i = 0; i < answers.length; i++) {
    const item = answers[i] as ItemAnswer;
    if (i > 0) text += ",";
    if (!("id" in item)) text += refusedJson(item.code);
    else text += item.id === "" ? '{"status":201}' : `{"status":201,"id":"${item.id}"}`;
  }
  return `${text}]}`;
}

type Answered = Awaited<ReturnType<Ledger["submitTransfers"]>>;
type Transfers = readonly (Transfer | CompoundTransfer)[];

function done(ledger: Ledger, transfers: Transfers): Promise<Answered> {
  return transfers.length === 0
    ? Promise.resolve({ items: [], positions: [] })
    : ledger.submitTransfers(transfers);
}

async function tried(ledger: Ledger, { partner }: Call, transfers: Transfers): Promise<Answered> {
  const outcomes = await ledger.dryRunTransfers(partner, transfers);
  // A transfer that is not made has no id.
  const items = outcomes.map((outcome) => (outcome.ok ? { id: "" } : { code: outcome.code }));
  return { items, positions: [] };
}

/** Codes of the items that are refused at the door, by their places. */
type Refused = ReadonlyMap<number, ProblemCode>;

/** So many are read before whatever else has come has its turn. */
const READ_AT_ONCE_MAX = 2_000;

async function readItems(
  asker: Asker,
  values: readonly unknown[],
  headerKey: string | null,
): Promise<Readonly<{ transfers: Transfers; refused: Refused }>> {
  const transfers: (Transfer | CompoundTransfer)[] = [];
  const refused = new Map<number, ProblemCode>();
  for (let i = 0; i < values.length; i++) {
    if (i > 0 && i % READ_AT_ONCE_MAX === 0) await nextTurn();
    const item = itemOf(asker, values[i], headerKey === null ? null : `${headerKey}#${i}`);
    if (typeof item === "string") refused.set(i, item);
    else transfers.push(item);
  }
  return { transfers, refused };
}

/** What is kept of a batch while the ledger decides: not its items, of which there are thousands. */
type Begun = Readonly<{ count: number; refused: Refused; answered: Promise<Answered> }>;

/**
 * Begins a batch when its partner has its turn, one at a time: this thread is what partners share first. The next one comes
 * only after whatever else has arrived meanwhile.
 */
function inTurn(turns: Turns, call: Call, begin: () => Promise<Begun>): Promise<Begun> {
  return new Promise((resolve, reject) => {
    const work = async () => {
      resolve(await begin());
      await nextTurn();
    };
    turns.run(call.partner, "", callerOf(call), work).catch(reject);
  });
}

export function addBatch(routes: Routes, { ledger }: Readonly<{ ledger: Ledger }>): void {
  const turns = new Turns({ places: 1, share: 1 });
  routes.add(
    {
      method: "post",
      operationId: "createTransferBatch",
      path: "/v1/transfers/batch",
      routerPath: "/v1/transfers/:id",
      access: "partner",
      group: "batch",
      summary: "Up to 10,000 independent transfers, applied in order",
      description:
        "One bad item never fails the others; results stand index for index. An item's own `idempotency_key` goes " +
        "before the header's, which gives item i `<key>#i`. In NDJSON blank lines are no items. MessagePack (an array " +
        "of maps) is answered in MessagePack; in it an amount is an integer, or a float that 32 bits could not hold.",
      query: DryRunQuery,
      body: {
        schema: BatchRequest,
        types: {
          "application/json": BatchRequest,
          "application/x-ndjson": z.string().openapi({ description: "One TransferItem a line." }),
          "application/msgpack": z.array(TransferItem),
        },
      },
      answer: {
        status: 200,
        description: "What became of each.",
        content: { "application/json": BatchAnswer, "application/msgpack": BatchAnswer },
      },
      problems: ["batch_too_large"],
    },
    async (request, call, { dry_run }) => {
      if (request.param("id") !== "batch") {
        throw new Problem("method_not_allowed", "A transfer takes GET, HEAD.", {
          headers: { Allow: "GET, HEAD" },
        });
      }
      const { key: headerKey } = call;
      const encoding = encodingOf(request);
      const asker: Asker = { partner: call.partner, method: "POST", path: "/v1/transfers/batch" };
      const begin = async (body: Buffer): Promise<Begun> => {
        const values = itemsOf(body, encoding);
        const { transfers, refused } = await readItems(asker, values, headerKey);
        const answered = dry_run === "true" ? tried(ledger, call, transfers) : done(ledger, transfers);
        return { count: values.length, refused, answered };
      };
      const begun = await readBody(request, BATCH_BYTES_MAX).then((body) =>
        inTurn(turns, call, () => begin(body)),
      );
      const { items: answers, positions } = await begun.answered;
      const merged = merge(begun, answers);
      const headers: Record<string, string> =
        positions.length === 0 ? {} : { "Daybook-Position": positions.join(",") };
      if (encoding === "application/msgpack") {
        headers["Content-Type"] = "application/msgpack";
        return answer(call, 200, encodeResults(merged, statusOfCode), headers);
      }
      headers["Content-Type"] = "application/json";
      return answer(call, 200, resultsJson(merged), headers);
    },
  );
}
