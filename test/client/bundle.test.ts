/** The client in a browser's bundle: its size, and that what is not used is left out. */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";

const GZIPPED_MAX = 12_000;

test("the whole client is smaller than 12 kB, and needs nothing of Node.js", async () => {
  const code = await bundle('export * from "@daybook/client";');
  for (const name of ["createDaybook", "DaybookError", "verifyWebhook"]) expect(code).toContain(name);
  expect(gzipSync(code).length).toBeGreaterThan(2_000);
  expect(gzipSync(code).length).toBeLessThan(GZIPPED_MAX);
  expect(code).not.toMatch(/(?:from|import|require\()\s*["'`](?!the-program)/);
});

test("a receiver of webhooks does not get the client of the API", async () => {
  const code = await bundle('import { verifyWebhook } from "@daybook/client"; console.log(verifyWebhook);');
  expect(code).toContain("webhook-signature");
  for (const text of ["Idempotency-Key", "text/event-stream", "Authorization"])
    expect(code).not.toContain(text);
  expect(gzipSync(code).length).toBeLessThan(2_000);
});
