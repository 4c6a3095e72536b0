/** Vouchers that were settled more than 30 days ago, over HTTP. The server's clock is moved. */
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { DAY_MS, Machine } from "./moved-clock.ts";
import type { Caller, Json } from "./test-server.ts";
import { at, BATCHES, codes, completed, inMs, issue, LATER, listed, redeem } from "./voucher-callers.ts";

const TEST_MS_MAX = 180_000;
/** How long before a voucher is forgotten the clock is set to. */
const LEAD_MS = 15_000;
const [ANN, BOB, CID] = ["ann@example.com", "bob@example.com", "cid@example.com"] as const;

function byCode(rows: readonly Json[]): readonly Json[] {
  return rows.toSorted((a, b) => String(a["code"]).localeCompare(String(b["code"])));
}

/** This member of each row, as text, sorted. */
function textsOf(rows: readonly Json[], member: string): readonly string[] {
  return rows.map((row) => String(row[member])).toSorted((a, b) => a.localeCompare(b));
}

/** A list over pages of this size. */
async function paged(caller: Caller, query: string, limit: number): Promise<readonly unknown[]> {
  const rows = await caller.all(`/v1/vouchers?${query}&limit=${limit}`);
  return rows.map(({ code }) => code);
}

test(
  "settled vouchers are found in the archive after 30 days",
  async () => {
    const machine = new Machine("threads");
    const acme = await machine.start();
    for (const email of [ANN, BOB, CID]) await acme.post("/v1/customers", 201, { email });
    const used = await issue(acme, ANN, { uses_max: 2 });
    const gone = await issue(acme, ANN, { expires_at: inMs(2_000) });
    const cancelled = await issue(acme, ANN);
    const first = await redeem(acme, used, ANN);
    await redeem(acme, used, ANN);
    await acme.post(`${at(cancelled)}/cancel`, 200);
    await acme.ask("PUT", "/v1/offers/mass", 200, { discount: 5 });
    const body = { offer_name: "mass", expires_at: inMs(3_000), emails: [ANN, BOB, CID] };
    const { id } = await acme.post(BATCHES, 202, body);
    await completed(acme, id);
    const batch = `${BATCHES}/${String(id)}/codes`;
    const key = { "Idempotency-Key": "before-it-is-forgotten" };
    await acme.ask("POST", `${at(used)}/redeem`, 409, { email: ANN }, key);

    await machine.moveTo(acme, 29 * DAY_MS);
    const kept = await issue(acme, ANN);
    const later = await issue(acme, ANN);
    await redeem(acme, later, ANN);
    const before = await listed(acme, ANN, "all");
    expect(before).toHaveLength(6);
    const rowsBefore = await acme.all(batch);
    expect(textsOf(rowsBefore, "email")).toEqual([ANN, BOB, CID]);

    await machine.moveTo(acme, 31 * DAY_MS);
    await until("the vouchers are forgotten", async () => {
      const rows = await codes(acme, ANN, "all");
      return rows[0] === later["code"] && rows[1] === kept["code"] && rows.length === 6;
    });
    const after = await listed(acme, ANN, "all");
    // The order differs: those that were settled last come first.
    expect(byCode(after)).toEqual(byCode(before));
    for (const limit of [1, 2, 4, 6, 7])
      expect(await paged(acme, `email=${ANN}&status=all`, limit)).toEqual(after.map(({ code }) => code));
    expect(await codes(acme, ANN, "redeemed")).toEqual([later["code"], used["code"]]);
    expect(await codes(acme, ANN, "cancelled")).toEqual([cancelled["code"]]);
    expect(await codes(acme, ANN, "expired")).toContain(gone["code"]);
    expect(await codes(acme, ANN)).toEqual([kept["code"]]);
    await acme.refused("GET", `/v1/vouchers?email=${ANN}&status=all&cursor=old.x`, 400, "validation_failed");

    for (const [voucher, status, code] of [
      [used, 409, "voucher_already_redeemed"],
      [gone, 410, "voucher_expired"],
      [cancelled, 409, "voucher_cancelled"],
    ] as const) {
      const validated = await acme.post(`${at(voucher)}/validate`, 200, { email: ANN });
      expect(validated).toEqual({ valid: false, reason: code });
      const again = { "Idempotency-Key": `old-${code}` };
      const third = { "Idempotency-Key": `cancel-${code}` };
      for (let i = 0; i < 2; i++)
        expect(await acme.ask("POST", `${at(voucher)}/redeem`, status, { email: ANN }, again)).toMatchObject({
          code,
        });
      for (let i = 0; i < 2; i++)
        expect(await acme.ask("POST", `${at(voucher)}/cancel`, status, undefined, third)).toMatchObject({
          code,
        });
      // Another customer must not learn that the code exists.
      for (const act of ["validate", "redeem", "rollback"])
        await acme.refused("POST", `${at(voucher)}/${act}`, 404, "voucher_not_found", { email: BOB });
    }
    const { redemption } = first;
    const back = { email: ANN, redemption };
    await acme.refused("POST", `${at(used)}/rollback`, 409, "redemption_too_old", back);
    await acme.refused("POST", `${at(cancelled)}/rollback`, 409, "not_redeemed", { email: ANN });
    await acme.refused("POST", "/v1/vouchers/22222222222222/cancel", 404, "voucher_not_found");

    expect(byCode(await acme.all(batch))).toEqual(byCode(rowsBefore));
    await acme.ask("DELETE", `/v1/customers/${CID}`, 204);
    await acme.post("/v1/customers", 201, { email: CID });
    expect(textsOf(await acme.all(batch), "email")).toEqual([ANN, BOB, "null"]);
    // A new customer has none of the vouchers of an erased one with the same e-mail.
    expect(await listed(acme, CID, "all")).toEqual([]);
    await acme.ask("DELETE", `/v1/customers/${CID}`, 204);
    await acme.refused("GET", `/v1/vouchers?email=${CID}&status=all`, 404, "customer_not_found");
  },
  TEST_MS_MAX,
);

test(
  "a redeemed voucher is refused as such at any moment, also while it leaves memory, and is no guess",
  async () => {
    const machine = new Machine("threads");
    const acme = await machine.start();
    await acme.post("/v1/customers", 201, { email: ANN });
    const voucher = await issue(acme, ANN);
    const { used_at } = await redeem(acme, voucher, ANN);
    // It leaves memory at the next full minute.
    const dueMs = Math.ceil((Date.parse(String(used_at)) + 30 * DAY_MS) / 60_000) * 60_000;
    await machine.moveTo(acme, dueMs - LEAD_MS - Date.now());
    const endMs = performance.now() + 3 * LEAD_MS;
    let isForgotten = false;
    while (!isForgotten && performance.now() < endMs) {
      const used = await acme.race(20, (client) =>
        client.send("POST", `${at(voucher)}/redeem`, { email: ANN }),
      );
      expect(used).toEqual(new Map([[409, 20]]));
      const cancelled = await acme.race(5, (client) => client.send("POST", `${at(voucher)}/cancel`));
      expect(cancelled).toEqual(new Map([[409, 5]]));
      expect(await codes(acme, ANN, "redeemed")).toEqual([voucher["code"]]);
      const back = { email: ANN, redemption: 2 };
      const { code } = await acme.ask("POST", `${at(voucher)}/rollback`, 409, back);
      isForgotten = code === "redemption_too_old";
    }
    expect(isForgotten).toBe(true);
    for (let i = 0; i < 60; i++)
      for (const act of ["validate", "redeem"])
        await acme.ask("POST", `${at(voucher)}/${act}`, act === "redeem" ? 409 : 200, { email: ANN });
    const kept = await issue(acme, ANN, { expires_at: LATER });
    const guesses = await acme.race(60, (client) =>
      client.send("POST", "/v1/vouchers/22222222222222/redeem", { email: ANN }),
    );
    expect(guesses).toEqual(
      new Map([
        [404, 50],
        [429, 10],
      ]),
    );
    await redeem(acme, kept, ANN);
  },
  TEST_MS_MAX,
);
