/**
 * Spans of requests and of webhooks, with the OpenTelemetry API alone. Who wants them loads an SDK before the server
 * (docs/OPERATIONS.md); without one there is no `Tracing`, and nothing is done for a request.
 *
 * Attributes hold no path, id, key or text of a caller: a route is named as in the OpenAPI document.
 */
import type { IncomingHttpHeaders } from "node:http";
import {
  type Attributes,
  context,
  type ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { ShardTimes } from "./shard-times.ts";
import { WallTime } from "./wall-time.ts";

const NAME = "daybook";
/** The route of a request that no route answers. */
const UNKNOWN_ROUTE = "unknown";

/** What is known of a request before it is handled. `route`: as in the OpenAPI document. */
export type TracedRequest = Readonly<{
  method: string;
  route: string;
  httpVersion: string;
  headers: IncomingHttpHeaders;
}>;

/** `errorType`: the problem's code, or what else went wrong; `undefined` after a success. */
type HttpOutcome = Readonly<{ status: number | null; errorType: string | undefined }>;

/** `undefined` unless an SDK has registered a provider of tracers in this thread. Ask once, at the start. */
export function findTracing(): Tracing | undefined {
  // The API hands out a proxy, of this copy of the API or of the SDK's own; it has a tracer once there is a provider.
  const provider = trace.getTracerProvider();
  const tracer =
    "getDelegateTracer" in provider
      ? (provider as ProxyTracerProvider).getDelegateTracer(NAME)
      : provider.getTracer(NAME);
  return tracer && new Tracing(tracer);
}

export class Tracing {
  readonly #tracer: Tracer;
  readonly #time = new WallTime();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** Begins the span of a request, a child of the caller's span if it sent one. `undefined`: it is not sampled. */
  beginRequest({ method, route, httpVersion, headers }: TracedRequest): RequestTrace | undefined {
    const isKnown = route !== UNKNOWN_ROUTE;
    this.#time.adjust();
    const span = this.#tracer.startSpan(
      isKnown ? `${method} ${route}` : method,
      {
        kind: SpanKind.SERVER,
        startTime: this.#time.nowMs(),
        attributes: {
          "http.request.method": method,
          "url.scheme": "http",
          "network.protocol.version": httpVersion,
          ...(isKnown && { "http.route": route }),
        },
      },
      propagation.extract(ROOT_CONTEXT, headers),
    );
    return span.isRecording() ? new RequestTrace(span, this.#time) : undefined;
  }

  /** Begins the span of what a shard does for the request that is being handled. `undefined`: that is not traced. */
  beginShard(shard: number, kind: string): ShardTrace | undefined {
    const parent = trace.getSpan(context.active());
    if (parent?.isRecording() !== true) return undefined;
    return new ShardTrace(this.#tracer, this.#time, `shard ${kind}`, { "daybook.shard": shard });
  }

  /**
   * Traces one delivery of an event, as a trace of its own.
   *
   * @param send sends the event with these headers.
   */
  async traceDelivery<R extends Readonly<{ status: number | null }>>(
    url: string,
    send: (headers: Readonly<Record<string, string>>) => Promise<R>,
  ): Promise<R> {
    const { hostname, port, protocol } = new URL(url);
    this.#time.adjust();
    const span = this.#tracer.startSpan(
      "POST",
      {
        kind: SpanKind.CLIENT,
        root: true,
        startTime: this.#time.nowMs(),
        attributes: {
          "http.request.method": "POST",
          "server.address": hostname,
          "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
        },
      },
      ROOT_CONTEXT,
    );
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpan(ROOT_CONTEXT, span), headers);
    const result = await send(headers);
    const { status } = result;
    const isError = status === null || status >= 400;
    const errorType = status === null ? "no_answer" : String(status);
    endHttp(span, this.#time, { status, errorType: isError ? errorType : undefined }, isError);
    return result;
  }
}

/** The span of a request. */
export class RequestTrace {
  readonly #span: Span;
  readonly #time: WallTime;

  constructor(span: Span, time: WallTime) {
    this.#span = span;
    this.#time = time;
  }

  /** In hex, as in `traceparent`. */
  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** Runs the handler of the request, so that what it begins becomes a child of the span. */
  run<A extends unknown[], T>(handle: (...args: A) => T, ...args: A): T {
    return context.with(trace.setSpan(ROOT_CONTEXT, this.#span), handle, undefined, ...args);
  }

  /** The answer is known. Only an error of the server is one of the span. */
  end(outcome: Readonly<{ status: number; errorType: string | undefined }>): void {
    endHttp(this.#span, this.#time, outcome, outcome.status >= 500);
  }
}

function endHttp(span: Span, time: WallTime, { status, errorType }: HttpOutcome, isError: boolean): void {
  if (status !== null) span.setAttribute("http.response.status_code", status);
  if (errorType !== undefined) span.setAttribute("error.type", errorType);
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(time.nowMs());
}

/**
 * The span of a request to a shard, from its queue at the gateway to the answer. Its children are made of the times that
 * the shard returns: `queue` (here and in the shard's mailbox), `decide`, `append` (of the batch with its record), and
 * `reply`: the way back, and the wait for other shards.
 */
export class ShardTrace {
  readonly #tracer: Tracer;
  readonly #time: WallTime;
  readonly #span: Span;
  readonly #startMs: number;
  /** When the shard had done its part. */
  #doneMs: number | undefined;

  /** Its parent is the active span. */
  constructor(tracer: Tracer, time: WallTime, name: string, attributes: Attributes) {
    this.#tracer = tracer;
    this.#time = time;
    this.#startMs = time.nowMs();
    this.#span = tracer.startSpan(name, { startTime: this.#startMs, attributes });
  }

  add({ beganMs, decidedMs, append }: ShardTimes): void {
    const [began, decided] = [this.#time.at(beganMs), this.#time.at(decidedMs)];
    this.#addChild("queue", this.#startMs, began);
    this.#addChild("decide", began, decided);
    this.#doneMs = decided;
    if (append === undefined) return;
    this.#doneMs = this.#time.at(append.durableMs);
    this.#addChild("append", this.#time.at(append.beganMs), this.#doneMs, {
      "daybook.batch.records": append.records,
    });
  }

  /** @param errorType why there is no answer; `undefined` if there is one. */
  end(errorType?: string): void {
    const endMs = this.#time.nowMs();
    if (this.#doneMs !== undefined) this.#addChild("reply", this.#doneMs, endMs);
    if (errorType !== undefined)
      this.#span.setAttribute("error.type", errorType).setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(endMs);
  }

  /** The append of a batch that a read waits for may have begun before the read. */
  #addChild(name: string, fromMs: number, toMs: number, attributes: Attributes = {}): void {
    const startTime = Math.max(this.#startMs, fromMs);
    const parent = trace.setSpan(ROOT_CONTEXT, this.#span);
    this.#tracer.startSpan(name, { startTime, attributes }, parent).end(Math.max(startTime, toMs));
  }
}
