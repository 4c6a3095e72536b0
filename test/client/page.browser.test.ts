/** The client in a page of another origin, in Chromium, with a real server. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createDaybook } from "../../clients/typescript/src/index.ts";
import { openPage } from "../support/browser.ts";
import { launchChromium } from "../support/chromium.ts";
import { OPERATOR_KEY, testFolder, testServer } from "../support/server.ts";
import { bundle } from "./bundle.ts";
import { makeKey } from "./daybooks.ts";

/** What the page does. It writes what it has seen into itself. */
const PROGRAM = `
import { createDaybook, DaybookError } from "@daybook/client";
const [url, key] = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const daybook = createDaybook({ url, key });
const ids = ["ann/points", "bob/points", "cy/points"];
for (const id of ids) await daybook.post("/v1/accounts", { body: { id, asset: "PTS/0" } });
const body = { debit_account: "@issuance", credit_account: "ann/points", amount: 500 };
const options = { body, idempotencyKey: "order-1017" };
const transfer = await daybook.post("/v1/transfers", options);
const { response } = await daybook.raw.POST("/v1/transfers", { body, headers: { "Idempotency-Key": "order-1017" } });
const accounts = [];
for await (const { id } of daybook.items("/v1/accounts", { query: { limit: 2 } })) accounts.push(id);
const [first] = (await daybook.get("/v1/events", { query: { limit: 1 } })).data;
let event;
for await (event of daybook.events({ after: first.id, types: ["transfer.posted"] })) break;
const refusal = await daybook
  .post("/v1/transfers", { body: { ...body, debit_account: "ann/points", credit_account: "bob/points", amount: 501 } })
  .catch((error) => (error instanceof DaybookError ? [error.code, error.requestId !== undefined] : String(error)));
const seen = {
  id: transfer.id,
  replayed: response.headers.get("Idempotency-Replayed"),
  accounts,
  event: [event.type, event.subject, event.data.id],
  refusal,
};
document.getElementById("seen").textContent = JSON.stringify(seen);
`;
const PAGE = `<!doctype html><title>A shop</title><link rel="icon" href="data:,"><p id="seen"></p><script type="module" src="/program.js"></script>`;

test("the bundle works in a page: a transfer, a list, an event of the stream and a refusal", async ({
  onTestFinished,
}) => {
  const program = await bundle(PROGRAM);
  const shop = createServer((request, response) => {
    const isProgram = request.url === "/program.js";
    response.writeHead(200, { "Content-Type": isProgram ? "text/javascript" : "text/html; charset=utf-8" });
    response.end(isProgram ? program : PAGE);
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    shop.close();
    shop.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2", CORS_ORIGINS: origin });
  const key = await makeKey(createDaybook({ url: server.url, key: OPERATOR_KEY }), "acme");
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await openPage(browser, origin);
  await page.goto(`/#${encodeURIComponent(JSON.stringify([server.url, key]))}`);
  await expect.poll(() => page.locator("#seen").textContent()).not.toBe("");
  const seen = JSON.parse((await page.locator("#seen").textContent()) ?? "") as { id: string };
  expect(seen).toEqual({
    id: expect.stringMatching(/^tr_/),
    replayed: "true",
    accounts: ["ann/points", "bob/points", "cy/points"],
    event: ["transfer.posted", "ann/points", seen.id],
    refusal: ["insufficient_funds", true],
  });
});
