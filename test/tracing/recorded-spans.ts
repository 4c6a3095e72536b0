/** An SDK that keeps its spans in memory. */
import { context, propagation, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { onTestFinished } from "vitest";
import { Tracing } from "../../src/tracing/tracing.ts";

export type SpanText = Readonly<{
  name: string;
  kind: string;
  parent: string | undefined;
  attributes: Readonly<Record<string, unknown>>;
  isError: boolean;
}>;

export class RecordedSpans {
  readonly provider: TracerProvider;
  readonly tracing: Tracing;
  readonly #exporter = new InMemorySpanExporter();

  /** Spans of callers are followed; `samples` decides for other requests. */
  constructor(samples: boolean) {
    const root = samples ? new AlwaysOnSampler() : new AlwaysOffSampler();
    this.provider = new TracerProvider({
      sampler: new ParentBasedSampler({ root }),
      spanProcessors: [new SimpleSpanProcessor({ exporter: this.#exporter })],
    });
    this.tracing = new Tracing(this.provider.getTracer("test"));
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    onTestFinished(() => {
      context.disable();
      propagation.disable();
    });
  }

  get spans(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** The finished spans, each with the name of its parent, or the id of one that is not ours. */
  get texts(): readonly SpanText[] {
    const names = new Map(this.spans.map((span) => [span.spanContext().spanId, span.name]));
    return this.spans.map(({ name, kind, attributes, status, parentSpanContext }) => ({
      name,
      kind: SpanKind[kind],
      parent: parentSpanContext && (names.get(parentSpanContext.spanId) ?? parentSpanContext.spanId),
      attributes,
      isError: status.code === SpanStatusCode.ERROR,
    }));
  }
}
