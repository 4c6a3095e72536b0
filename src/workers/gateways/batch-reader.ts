/**
 * Parses large batch bodies on a separate thread. Parsing takes some milliseconds for each 256 KiB, which would delay
 * all other requests of the gateway.
 */
import { Worker } from "node:worker_threads";
import { OperatingError } from "../../errors/operating-error.ts";
import type { LargeBatch } from "../../http/core/transfers/batch.ts";
import type { BatchSource } from "../../http/core/transfers/batch-items.ts";
import { type FieldError, Problem, type ProblemCode } from "../../http/problem.ts";

/** The largest batch takes some tenths of a second. */
const READ_MS_MAX = 10_000;
/** The parsed values of the largest batch take less than half of this. */
const HEAP_MB = 512;

export type ReadRequest = Readonly<{
  requestId: number;
  body: Uint8Array;
  asked: BatchSource;
  shards: number;
}>;

export type ReadReply = Readonly<
  { requestId: number } & (
    | { read: LargeBatch }
    | { problem: Readonly<{ code: ProblemCode; detail: string; errors: readonly FieldError[] | undefined }> }
    | { failed: string }
  )
>;

type Waiting = Readonly<{
  resolve: (read: LargeBatch) => void;
  reject: (error: Error) => void;
  deadline: NodeJS.Timeout;
}>;

export class BatchReader {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #newest = 0;

  /**
   * @param body its memory is transferred to the thread.
   * @param shards the number of shards, for which the transfers are packed.
   * @throws Problem (as a rejection) as `readBatch` does; OperatingError `overloaded`: it takes too long or too much
   *   memory.
   */
  read(body: Buffer, asked: BatchSource, shards: number): Promise<LargeBatch> {
    const worker = (this.#worker ??= this.#start());
    const requestId = ++this.#newest;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#end(worker, "it took too long"), READ_MS_MAX);
      this.#waiting.set(requestId, { resolve, reject, deadline });
      const request: ReadRequest = { requestId, body, asked, shards };
      worker.postMessage(request, [body.buffer as ArrayBuffer]);
    });
  }

  close(): void {
    if (this.#worker !== undefined) this.#end(this.#worker, "the server ends");
  }

  #start(): Worker {
    const worker = new Worker(new URL("./batch-thread.ts", import.meta.url), {
      name: "batches",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.on("message", (reply: ReadReply) => this.#settle(reply));
    worker.on("error", (error: Error) => this.#end(worker, error.message));
    worker.on("exit", () => this.#end(worker, "its thread has ended"));
    worker.unref();
    return worker;
  }

  #settle(reply: ReadReply): void {
    const waiting = this.#waiting.get(reply.requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.requestId);
    clearTimeout(waiting.deadline);
    if ("read" in reply) waiting.resolve(reply.read);
    else if ("failed" in reply) waiting.reject(new Error(reply.failed));
    else {
      const { code, detail, errors } = reply.problem;
      waiting.reject(new Problem(code, detail, errors && { errors }));
    }
  }

  /** Refuses all waiting batches, of which nothing was executed. The next body starts a new thread. */
  #end(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    void worker.terminate();
    for (const { reject, deadline } of this.#waiting.values()) {
      clearTimeout(deadline);
      reject(new OperatingError("overloaded", `the batch could not be read: ${why}`));
    }
    this.#waiting.clear();
  }
}
