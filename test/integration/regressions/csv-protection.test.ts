/** CSV injection: ids are unchanged, and no free text starts a formula, for readers that split at `,` or `;`. */
import { beforeAll, expect, test } from "vitest";
import { openShop } from "../programmes/shop.ts";
import { type Caller, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  await acme.post("/v1/accounts", 201, { id: "+98912", asset: "PTS/0" });
});

/** The lines of a CSV answer without its header. */
async function linesOf(caller: Caller, path: string): Promise<readonly string[]> {
  const answer = await caller.client.send("GET", path, undefined, { Accept: "text/csv" });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers["content-type"]).toContain("text/csv");
  return answer.text.trimEnd().split("\r\n").slice(1);
}

/** The first character of each cell for a reader that splits at every `,` and `;` and ignores quotes. */
function cellStarts(line: string): readonly string[] {
  return line.split(/[,;\t\n\r]/).map((cell) => cell.replace(/^[\s"]+/, "").charAt(0));
}

const FORMULAS = ["=1+1", "x;=1+1", "x,+1", 'x;"=1+1', "x; @SUM(A1)", "\t=1", "a\n-1", "＝1", "ok;＋1"];

test("a memo starts no formula in any cell, and an id that looks like a formula is unchanged", async () => {
  for (const memo of FORMULAS) {
    const transfer = { debit_account: "@issuance", credit_account: "+98912", amount: 1, memo };
    await acme.post("/v1/transfers", 201, transfer);
    const path = `/v1/accounts/${encodeURIComponent("+98912")}/entries?limit=1`;
    const text = (await linesOf(acme, path)).join("\n");
    const [seq, id, amount, , counterparty] = text.split(",");
    expect([seq, amount, counterparty], text).toEqual([expect.stringMatching(/^\d+$/), "1", "@issuance"]);
    expect(id).toMatch(/^tr_/);
    const afterCounterparty = text.slice(text.indexOf("@issuance,") + "@issuance,".length);
    for (const first of cellStarts(afterCounterparty))
      expect("=+-@＝＋－＠".includes(first) && first !== "", text).toBe(false);
  }
});

test("metadata, a member's description and a seller's reference start no formula either", async () => {
  const metadata = { note: "x;=1+1" };
  const transfer = { debit_account: "@issuance", credit_account: "+98912", amount: 1, metadata };
  await acme.post("/v1/transfers", 201, transfer);
  const [line = ""] = await linesOf(acme, `/v1/accounts/${encodeURIComponent("+98912")}/entries?limit=1`);
  expect(line).toContain(`"{""note"":""x;'=1+1""}"`);
  await acme.post("/v1/loyalty/members", 201, { id: "-ann" });
  const accrual = { points: 5, description: "=HYPERLINK(1);=2" };
  await acme.post("/v1/loyalty/members/-ann/accruals", 201, accrual);
  const [entry = ""] = await linesOf(acme, "/v1/loyalty/members/-ann/entries");
  expect(entry).toContain(`,5,5,@issuance,"'=HYPERLINK(1);'=2",,,{},`);
  const shop = await openShop(house, acme, "kiosk", 100);
  const sale = { phone: "09121234567", amount: 7, reference: "=1;2" };
  await shop.caller.post("/v1/topups", 201, sale);
  const [sold = ""] = await linesOf(shop.caller, `${shop.path}/entries?limit=1`);
  expect(sold).toContain(`,sale,-7,100,93,+989121234567,"'=1;2",`);
});

test("a report shows user ids unchanged, with either separator", async () => {
  await acme.post("/v1/segments", 201, { slug: "ALL" });
  for (const user of ["+98912", "@bob", "-1"])
    await acme.ask("PATCH", `/v1/users/${encodeURIComponent(user)}/segments`, 200, { add: ["ALL"] });
  const now = new Date();
  const month = { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
  for (const separator of [",", ";"]) {
    const { url } = await acme.post("/v1/segment-reports", 201, { ...month, separator });
    const [, ...lines] = (await (await fetch(String(url))).text()).trimEnd().split("\r\n");
    expect(lines.map((line) => line.split(separator)[0])).toEqual(["+98912", "@bob", "-1"]);
  }
});
