/** The program of the thread that parses large batches. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { CommandWriter } from "../../actors/records/codec.ts";
import { assert } from "../../errors/assert.ts";
import { packTransfers } from "../../gateway/batches/packed-transfers.ts";
import {
  type BatchFormat,
  type BatchKind,
  readBatch,
  TRANSFERS,
} from "../../http/core/transfers/batch-items.ts";
import { Problem } from "../../http/problem.ts";
import { MOVEMENTS } from "../../http/programmes/loyalty/movements.ts";
import { lowerThreadPriority } from "../carriers/thread-priority.ts";
import type { ReadReply, ReadRequest } from "./batch-reader.ts";

/** Low priority: a large batch must not slow down other requests. */
const NICENESS = 10;

const FORMATS: Readonly<Record<BatchKind, BatchFormat>> = { transfers: TRANSFERS, movements: MOVEMENTS };

lowerThreadPriority(NICENESS);
assert(parentPort !== null, "batch-thread.ts runs as a worker");
run(parentPort);

function run(port: MessagePort): void {
  port.on("message", (request: ReadRequest) => {
    void replyTo(request).then((reply) => port.postMessage(reply, []));
  });
}

async function replyTo({ requestId, body, asked, shards }: ReadRequest): Promise<ReadReply> {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const { count, refused, transfers } = await readBatch(bytes, asked, FORMATS[asked.kind]);
    const writers = Array.from({ length: shards }, () => new CommandWriter());
    return { requestId, read: { count, refused, transfers: packTransfers(transfers, writers) } };
  } catch (failure) {
    if (!(failure instanceof Problem)) return { requestId, failed: String(failure) };
    return { requestId, problem: { code: failure.code, detail: failure.message, errors: failure.errors } };
  }
}
