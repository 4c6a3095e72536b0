/** A real server with the SDK that OPERATIONS.md shows, which sends its spans to a receiver of OTLP/HTTP. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { Client, makePartner, operator, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

const PRELOAD = join(import.meta.dirname, "../../deploy/tracing/otlp.mjs");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

type Span = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}>;
type Export = Readonly<{ resourceSpans: readonly { scopeSpans: readonly { spans: readonly Span[] }[] }[] }>;

/** Spans as they arrive. */
async function receiveSpans(): Promise<Readonly<{ url: string; spans: Span[] }>> {
  const spans: Span[] = [];
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(pieces).toString()) as Export;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      outgoing.writeHead(200, { "Content-Type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans };
}

/** The spans of a trace as a tree of names, children in the order of their begin. */
function treeOf(spans: readonly Span[], parent: string): readonly unknown[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .map(({ name, spanId }) => {
      const children = treeOf(spans, spanId);
      return children.length === 0 ? name : [name, ...children];
    });
}

describe.each(ISOLATIONS)("shards in %s", (isolation) => {
  test.each(["1", "2"])(
    "with %s gateways, a sampled request is traced down to the append",
    async (gateways) => {
      const { url, spans } = await receiveSpans();
      const receiver = await WebhookReceiver.start();
      const server = await testServer({
        DATA_DIR: testFolder(),
        SHARDS: "2",
        GATEWAYS: gateways,
        ISOLATION: isolation,
        WEBHOOKS_ALLOW_PRIVATE: "true",
        NODE_OPTIONS: `--import ${PRELOAD}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_TRACES_SAMPLER_ARG: "0",
      });
      const client = new Client(server.url, await makePartner(operator(server)));
      const webhook = { url: receiver.url, types: ["transfer.posted"] };
      expect((await client.send("POST", "/v1/webhooks", webhook)).status).toBe(201);
      const id = "a/1";
      expect((await client.send("POST", "/v1/accounts", { id, asset: "USD/2" })).status).toBe(201);
      const transfer = { debit_account: "@issuance", credit_account: id, amount: 5 };
      const traceparent = `00-${TRACE}-${CALLER}-01`;
      const answer = await client.send("POST", "/v1/transfers", transfer, { traceparent });
      expect(answer.status, answer.text).toBe(201);
      await client.send("POST", "/v1/transfers", transfer);
      const isRoot = ({ parentSpanId }: Span) => parentSpanId === CALLER;
      await until("the spans have arrived", () => spans.filter(isRoot).length === 1 && spans.length >= 6);
      expect(treeOf(spans, CALLER)).toEqual([
        ["POST /v1/transfers", ["shard command", "queue", "decide", "append", "reply"]],
      ]);
      expect(spans.length).toBe(6);
      for (const { traceId } of spans) expect(traceId).toBe(TRACE);
      const [root] = spans.filter(isRoot);
      for (const { name, startTimeUnixNano, endTimeUnixNano } of spans) {
        expect(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano), name).toBe(true);
        expect(BigInt(startTimeUnixNano) >= BigInt(root?.startTimeUnixNano ?? 0), name).toBe(true);
        expect(BigInt(endTimeUnixNano) <= BigInt(root?.endTimeUnixNano ?? 0), name).toBe(true);
      }
      await until("the webhooks have arrived", () => receiver.received.length >= 2);
      for (const { headers } of receiver.received)
        expect(headers["traceparent"]).toMatch(/^00-(?!0af7651916)[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    },
  );
});
