/** The traces of the requests to one shard that are traced. Exists only where an SDK for traces is loaded. */
import type { ShardTimes } from "../../tracing/shard-times.ts";
import type { ShardTrace, Tracing } from "../../tracing/tracing.ts";
import { REQUEST, type Request, type UntracedRequest } from "../../workers/shard/messages.ts";

type Traced = Readonly<{ number: number; trace: ShardTrace }>;

const NAMES = ["command", "transfers", "query", "learned", "dry_run"] as const satisfies {
  readonly [K in keyof typeof REQUEST as K extends "traced" ? never : (typeof REQUEST)[K]]: K;
};

export class ShardTraces {
  readonly #tracing: Tracing;
  readonly #shard: number;
  /** By request id. An id is used again once its request is answered. */
  readonly #byRequest = new Map<number, Traced>();
  /** By number. A number is never used again, so that late times are not taken for those of another request. */
  readonly #byNumber = new Map<number, ShardTrace>();
  #newest = 0;

  constructor(tracing: Tracing, shard: number) {
    this.#tracing = tracing;
    this.#shard = shard;
  }

  /** A request is queued. Its trace begins if the request that is being handled is traced. */
  begin([requestId, kind]: UntracedRequest): void {
    const trace = this.#tracing.beginShard(this.#shard, NAMES[kind]);
    if (trace === undefined) return;
    const number = ++this.#newest;
    this.#byRequest.set(requestId, { number, trace });
    this.#byNumber.set(number, trace);
  }

  /** The request as it is sent: one that is traced asks for its times. */
  request(request: UntracedRequest): Request {
    const traced = this.#byRequest.get(request[0]);
    return traced === undefined ? request : [request[0], REQUEST.traced, request, traced.number];
  }

  /** Times arrive before the reply. */
  add(number: number, times: ShardTimes): void {
    this.#byNumber.get(number)?.add(times);
  }

  /** @param errorType why there is no answer; `undefined` if there is one. */
  end(requestId: number, errorType?: string): void {
    const traced = this.#byRequest.get(requestId);
    if (traced === undefined) return;
    this.#byRequest.delete(requestId);
    this.#byNumber.delete(traced.number);
    traced.trace.end(errorType);
  }
}
