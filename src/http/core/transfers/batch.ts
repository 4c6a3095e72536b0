/** Batches: thousands of independent items in one request. `POST /v1/transfers/batch` is one kind of them. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "@hono/zod-openapi";
import type { Transfers } from "../../../actors/records/packed-transfers.ts";
import { OperatingError } from "../../../errors/operating-error.ts";
import type { ItemAnswer, Ledger } from "../../../gateway/ports.ts";
import { Turns } from "../../../gateway/turns.ts";
import { answer, type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { encodeResults } from "../../input/message-pack.ts";
import { PROBLEMS, Problem, type ProblemCode } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { BATCH_BYTES_MAX, mediaType, readBody } from "../../server/body.ts";
import { WaitingBodies } from "../../server/incoming-bodies.ts";
import {
  BATCH_ITEMS_MAX,
  type BatchFormat,
  type BatchRead,
  type BatchSource,
  type Encoding,
  readBatch,
  TRANSFERS,
} from "./batch-items.ts";
import { DryRunQuery } from "./dry-run.ts";
import { TransferItem } from "./transfer-schema.ts";

/** A larger body is read on another thread: reading takes some milliseconds for each 256 KiB. */
const LARGE_BYTES = 256 * 1024;
/** Limit on all batch bodies that are complete and wait. */
const WAITING_BYTES_MAX = 96 * 1024 * 1024;

/** A batch that another thread has read and packed. */
export type LargeBatch = Omit<BatchRead, "transfers"> & Readonly<{ transfers: Transfers }>;

/**
 * Reads a body on another thread, and takes its memory. @throws Problem as `readBatch`; OperatingError `overloaded`
 */
export type ReadLarge = (body: Buffer, source: BatchSource) => Promise<LargeBatch>;

const BatchRequest = z
  .object({ transfers: z.array(TransferItem).max(BATCH_ITEMS_MAX) })
  .openapi("TransferBatch");
const BatchAnswer = z
  .object({
    results: z.array(
      z.union([
        z.object({
          status: z.literal(201),
          id: z.string().optional().openapi({ description: "Absent in a dry run." }),
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

function encodingOf(request: HttpRequest): Encoding {
  const type = mediaType(request.header("content-type"));
  if (type === "application/json" || type === "application/x-ndjson" || type === "application/msgpack")
    return type;
  throw new Problem(
    "unsupported_media_type",
    "Send application/json, application/x-ndjson or application/msgpack.",
  );
}

/** The outcome of each item, in order: merges items refused here with the ledger's answers. */
function merge({ count, refused }: StartedBatch, answers: readonly ItemAnswer[]): readonly ItemAnswer[] {
  if (answers.length !== count - refused.size)
    throw new OperatingError("outcome_unknown", "The ledger did not answer all items.");
  if (refused.size === 0) return answers;
  let next = 0;
  return Array.from({ length: count }, (_, place) => {
    const code = refused.get(place);
    return code === undefined ? (answers[next++] as ItemAnswer) : { code };
  });
}

const REFUSED_JSON = new Map<string, string>();

/** `{"status":422,"code":"…"}`, cached by code. */
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

type LedgerAnswers = Awaited<ReturnType<Ledger["submitTransfers"]>>;

const NO_ANSWERS: Promise<LedgerAnswers> = Promise.resolve({ items: [], positions: [] });

async function dryRunBatch(ledger: Ledger, { partner }: Call, transfers: Transfers): Promise<LedgerAnswers> {
  const outcomes = await ledger.dryRunTransfers(partner, transfers);
  // A dry run creates no id.
  const items = outcomes.map((outcome) => (outcome.ok ? { id: "" } : { code: outcome.code }));
  return { items, positions: [] };
}

/** What is kept of a batch while the ledger decides. The items are dropped: there are thousands of them. */
type StartedBatch = Pick<BatchRead, "count" | "refused"> & Readonly<{ answered: Promise<LedgerAnswers> }>;

const waitingBodies = new WaitingBodies(WAITING_BYTES_MAX);

/**
 * Reads and submits a batch once its partner has a slot: the reader is the first resource that partners share.
 * Other events are handled before the next batch.
 */
async function startInTurn(
  turns: Turns,
  call: Call,
  bytes: number,
  begin: () => Promise<StartedBatch>,
): Promise<StartedBatch> {
  const leaveWaiting = waitingBodies.enter(call.partner, bytes);
  try {
    return await new Promise((resolve, reject) => {
      const work = async () => {
        resolve(await begin());
        await nextTurn();
      };
      turns.run(call.partner, "", callerOf(call), work).catch(reject);
    });
  } finally {
    leaveWaiting();
  }
}

/** Reads a batch and begins to submit it. */
type Begin = (
  body: Buffer,
  call: Call,
  source: BatchSource,
  format: BatchFormat,
  isDryRun: boolean,
) => Promise<StartedBatch>;

/** One for all kinds of batches: they share the readers. */
export type Batches = Readonly<{ begin: Begin }>;

export function createBatches({ ledger, readLarge }: BatchDeps): Batches {
  const turns = new Turns({ slots: 1, share: 1 });
  // Two slots: while one body is read, the next one is sent to the other thread.
  const largeTurns = new Turns({ slots: 2, share: 1 });
  const begin: Begin = async (body, call, source, format, isDryRun) => {
    const isLarge = body.length > LARGE_BYTES;
    return startInTurn(isLarge ? largeTurns : turns, call, body.length, async () => {
      const { count, refused, transfers } = await (isLarge
        ? readLarge(body, source)
        : readBatch(body, source, format));
      if (count === refused.size) return { count, refused, answered: NO_ANSWERS };
      const answered = isDryRun ? dryRunBatch(ledger, call, transfers) : ledger.submitTransfers(transfers);
      return { count, refused, answered };
    });
  };
  return { begin };
}

/** Reads a batch, submits its items and answers with their results, in the encoding of the request. */
export async function batchAnswer(
  { begin }: Batches,
  request: HttpRequest,
  call: Call,
  format: BatchFormat,
  { isDryRun = false, ...from }: Pick<BatchSource, "kind" | "till"> & Readonly<{ isDryRun?: boolean }>,
): Promise<HttpAnswer> {
  const encoding = encodingOf(request);
  const source: BatchSource = { ...from, partner: call.partner, encoding, headerKey: call.key };
  const body = await readBody(request, BATCH_BYTES_MAX);
  const started = await begin(body, call, source, format, isDryRun);
  const { items: answers, positions } = await started.answered;
  const merged = merge(started, answers);
  const headers: Record<string, string> =
    positions.length === 0 ? {} : { "Daybook-Position": positions.join(",") };
  if (encoding === "application/msgpack") {
    headers["Content-Type"] = "application/msgpack";
    return answer(call, 200, encodeResults(merged, statusOfCode), headers);
  }
  headers["Content-Type"] = "application/json";
  return answer(call, 200, resultsJson(merged), headers);
}

/** The body of a route for batches. @param item the schema of an item, whose OpenAPI name is `itemName`. */
export function batchBody(
  body: z.ZodType,
  item: z.ZodType,
  itemName: string,
): NonNullable<RouteDescription["body"]> {
  return {
    schema: body,
    types: {
      "application/json": body,
      "application/x-ndjson": z.string().openapi({ description: `One ${itemName} per line.` }),
      "application/msgpack": z.array(item),
    },
  };
}

export const BATCH_ANSWER: RouteDescription["answer"] = {
  status: 200,
  description: "The results, in the order of the items.",
  content: { "application/json": BatchAnswer, "application/msgpack": BatchAnswer },
};

export const BATCH_RULES =
  "Items fail independently; `results[i]` is the result of item i. An item's own `idempotency_key` takes precedence " +
  "over the header's, which gives item i the key `<key>#i`. In NDJSON, blank lines are skipped. MessagePack (an array " +
  "of maps) is answered in MessagePack; in it an amount is an integer, or a float beyond the range of 32 bits.";

export type BatchDeps = Readonly<{ ledger: Ledger; readLarge: ReadLarge }>;

export function addBatch(routes: Routes, batches: Batches): void {
  routes.add(
    {
      method: "post",
      operationId: "createTransferBatch",
      path: TRANSFERS.path,
      routerPath: "/v1/transfers/:id",
      access: "partner",
      group: "batch",
      summary: "Create up to 10,000 independent transfers, in order",
      description: BATCH_RULES,
      query: DryRunQuery,
      body: batchBody(BatchRequest, TransferItem, "TransferItem"),
      answer: BATCH_ANSWER,
      problems: ["batch_too_large"],
    },
    (request, call, { dry_run }) => {
      if (request.param("id") !== "batch") {
        throw new Problem("method_not_allowed", "Use one of: GET, HEAD.", {
          headers: { Allow: "GET, HEAD" },
        });
      }
      const from = { kind: "transfers", isDryRun: dry_run === "true" } as const;
      return batchAnswer(batches, request, call, TRANSFERS, from);
    },
  );
}
