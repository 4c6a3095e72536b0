/**
 * Sends spans over OTLP/HTTP. Node.js loads this file before the server, in each of its threads and processes:
 *
 *   NODE_OPTIONS="--import /opt/daybook/deploy/tracing/otlp.mjs"
 *
 * docs/OPERATIONS.md says which packages it needs. The exporter reads OTEL_EXPORTER_OTLP_ENDPOINT and the other settings
 * of that family. OTEL_TRACES_SAMPLER_ARG is the part of the requests without a `traceparent` that is traced, 0.01 if it
 * is not set; the others are traced as their callers say.
 */
import process from "node:process";
// `threadName` does not exist in all versions that may start the runtime.
import * as threads from "node:worker_threads";

/** The oldest version that the SDK runs on. An older one only starts the runtime of the server (bin/run.mjs). */
const NODE_MIN = 22;
/** The last spans before an exit, for this time at most, are lost. */
const EXPORT_EVERY_MS = 1_000;
const RATIO_DEFAULT = "0.01";

// Only these threads make spans: shards return their times to the gateways.
const makesSpans = threads.isMainThread || /^(?:gateway|webhooks)\b/.test(threads.threadName ?? "");
if (makesSpans && Number.parseInt(process.versions.node, 10) >= NODE_MIN) await begin(process.env);

/** @param {NodeJS.ProcessEnv} env */
async function begin({ OTEL_SERVICE_NAME = "daybook", OTEL_TRACES_SAMPLER_ARG: ratio = RATIO_DEFAULT }) {
  const { context, propagation, trace } = await import("@opentelemetry/api");
  const { AsyncLocalStorageContextManager } = await import("@opentelemetry/context-async-hooks");
  const { W3CTraceContextPropagator } = await import("@opentelemetry/core");
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  const { resourceFromAttributes } = await import("@opentelemetry/resources");
  const { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } = await import(
    "@opentelemetry/sdk-trace"
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": OTEL_SERVICE_NAME }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(Number(ratio)) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: EXPORT_EVERY_MS }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
}
