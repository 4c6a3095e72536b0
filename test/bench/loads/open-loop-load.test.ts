import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { writeBodies } from "./load.ts";
import type { OpenLoopPlan, OpenLoopReport } from "./open-loop-load.ts";

const PROGRAM = fileURLToPath(new URL("open-loop-load.ts", import.meta.url));
const PER_SECOND = 500;
const STALL_MS = 400;

/** Answers at once, except for one pause that begins with the request of this number. */
async function loadServerThatStalls(stallsAt: number): Promise<{ report: OpenLoopReport; seen: string[] }> {
  const seen: string[] = [];
  let stalledUntilMs = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      seen.push(body);
      if (seen.length === stallsAt) stalledUntilMs = performance.now() + STALL_MS;
      const leftMs = stalledUntilMs - performance.now();
      response.writeHead(201, { "Content-Length": 2 });
      if (leftMs > 0) setTimeout(() => response.end("{}"), leftMs);
      else response.end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = makeScratchFolder("open-loop");
  const plan: OpenLoopPlan = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    path: "/",
    contentType: "application/json",
    token: "none",
    bodies: writeBodies(join(folder, "bodies"), ['{"n":1}', '{"n":22}']),
    connections: 4,
    perSecond: PER_SECOND,
    seconds: 2,
    warmUpSeconds: 0.5,
  };
  const file = join(folder, "plan.json");
  writeFileSync(file, JSON.stringify(plan));
  const child = spawn(process.execPath, [PROGRAM, file]);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(child, "close");
  server.close();
  return { report: JSON.parse(said) as OpenLoopReport, seen };
}

test("requests scheduled during a stall of the server count as late from their scheduled time", async () => {
  const { report, seen } = await loadServerThatStalls(600);
  expect(report.requests).toBe(PER_SECOND * 2.5);
  expect(report.failures).toBe(0);
  // In order; over several connections two adjacent requests may swap.
  expect(seen.filter((body) => body === '{"n":22}')).toHaveLength(seen.length / 2);
  // A closed load of 4 connections would have shown 4 slow requests. Here 200 of the 1000 were scheduled during the
  // pause, half of them early in it.
  expect(report.latency.max).toBeGreaterThan(STALL_MS * 0.9);
  expect(report.latency.p90).toBeGreaterThan(STALL_MS * 0.3);
  expect(report.waitedShare).toBeGreaterThan(0.1);
});

test("without a stall, requests are answered at their scheduled time", async () => {
  const { report } = await loadServerThatStalls(0);
  expect(report.latency.p50).toBeLessThan(STALL_MS);
  expect(report.latency.p50).toBeGreaterThan(0);
  expect(report.waitedShare).toBeLessThan(0.5);
});
