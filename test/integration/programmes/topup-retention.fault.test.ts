/** Credit requests that were decided more than 30 days ago, over HTTP. The server's clock is moved. */
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { DAY_MS, Machine } from "./moved-clock.ts";
import { PHONE } from "./shop.ts";
import type { Caller, Json } from "./test-server.ts";

const TEST_MS_MAX = 180_000;
const PATH = "/v1/credit-requests";
const SHOPS = ["kiosk/1", "kiosk/2", "kiosk/3", "kiosk/4"] as const;

async function listed(caller: Caller, query = ""): Promise<readonly Json[]> {
  return caller.all(`${PATH}?limit=3${query}`);
}

function idsOf(rows: readonly Json[]): readonly string[] {
  return rows.map(({ id }) => String(id));
}

function byId(rows: readonly Json[]): readonly Json[] {
  return rows.toSorted((a, b) => String(a["id"]).localeCompare(String(b["id"])));
}

test(
  "decided credit requests are found in the archive after 30 days, also after a restart from a snapshot",
  async () => {
    const machine = new Machine("processes");
    let acme = await machine.start();
    const asking = { role: "partner", name: "asks for credit" };
    const { api_key } = await acme.post("/v1/partners/acme/keys", 201, asking);
    let colleague = machine.caller(String(api_key));
    const keys: Json[] = [];
    for (const id of SHOPS) keys.push(await acme.post("/v1/sellers", 201, { id, name: id }));
    const [kiosk, other] = keys.map((key) => String(key["api_key"])) as [string, string];
    const ask = async (seller: string, amount: number) =>
      String((await colleague.post(PATH, 201, { seller, amount }))["id"]);
    const old: Json[] = [];
    for (const [i, seller] of [...SHOPS, ...SHOPS].entries()) {
      const path = `${PATH}/${await ask(seller, 100 + i)}`;
      old.push(await acme.post(i < 5 ? `${path}/approve` : `${path}/reject`, 200));
    }
    const withdrawn = await ask(SHOPS[0], 7);
    old.push(await machine.caller(kiosk).post(`${PATH}/${withdrawn}/withdraw`, 200));
    const pending = await ask(SHOPS[0], 50);
    const sale = { phone: PHONE, amount: 10, reference: "till-7" };
    const sold = await machine.caller(kiosk).post("/v1/topups", 201, sale);

    await machine.moveTo(acme, 29 * DAY_MS);
    const late = await ask(SHOPS[1], 60);
    await acme.post(`${PATH}/${late}/approve`, 200);
    const before = await listed(acme);
    expect(before).toHaveLength(11);

    await machine.moveTo(acme, 31 * DAY_MS);
    await until("the requests are forgotten", async () => {
      const ids = idsOf(await listed(acme));
      return ids[0] === late && ids[1] === pending && ids.length === 11;
    });
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        await machine.takeSnapshots();
        await machine.restart();
        acme = machine.partner();
        colleague = machine.caller(String(api_key));
      }
      const seller = machine.caller(kiosk);
      const after = await listed(acme);
      // The order differs: those that were decided last come first.
      expect(byId(after)).toEqual(byId(before));
      for (const limit of [1, 2, 10, 11, 100])
        expect(idsOf(await acme.all(`${PATH}?limit=${limit}`))).toEqual(idsOf(after));
      for (const row of old) expect(await acme.get(`${PATH}/${String(row["id"])}`)).toEqual(row);
      const own = old.filter((row) => row["seller"] === SHOPS[0]);
      expect(own).toHaveLength(3);
      expect(byId(await listed(acme, `&seller=${encodeURIComponent(SHOPS[0])}&status=rejected`))).toEqual(
        byId(own.filter(({ status }) => status === "rejected")),
      );
      expect(idsOf(await listed(seller))).toEqual([pending, ...idsOf(own).toReversed()]);
      expect(idsOf(await listed(acme, "&status=withdrawn"))).toEqual([withdrawn]);
      expect(idsOf(await listed(acme, "&status=pending"))).toEqual([pending]);
      expect(await listed(acme, "&status=approved")).toHaveLength(6);

      // Decided ones are refused as such, also by the key that asked, and a retry gets the same.
      for (const { id } of old) {
        for (const verb of ["approve", "reject"]) {
          const key = { "Idempotency-Key": `${isRestarted}-${verb}-${String(id)}` };
          for (let i = 0; i < 2; i++)
            expect(
              await acme.ask("POST", `${PATH}/${String(id)}/${verb}`, 409, undefined, key),
            ).toMatchObject({
              code: "already_decided",
            });
        }
        await colleague.refused("POST", `${PATH}/${String(id)}/approve`, 409, "already_decided");
      }
      await seller.refused("POST", `${PATH}/${withdrawn}/withdraw`, 409, "already_decided");
      // Another seller must not learn that the request exists.
      const stranger = machine.caller(other);
      await stranger.refused("GET", `${PATH}/${withdrawn}`, 404, "credit_request_not_found");
      await stranger.refused("POST", `${PATH}/${withdrawn}/withdraw`, 404, "credit_request_not_found");
      expect(idsOf(await listed(stranger))).not.toContain(withdrawn);
      const unknown = `${withdrawn.slice(0, -4)}0000`;
      await acme.refused("GET", `${PATH}/${unknown}`, 404, "credit_request_not_found");
      await acme.refused("POST", `${PATH}/${unknown}/approve`, 404, "credit_request_not_found");
      await acme.refused("GET", `${PATH}?cursor=old.x`, 400, "validation_failed");

      // A reference stays taken, and its sale is found.
      await seller.refused("POST", "/v1/topups", 409, "duplicate_reference", sale);
      const found = await seller.all("/v1/topups?reference=till-7");
      expect(found).toEqual([expect.objectContaining({ id: sold["id"], reference: "till-7" })]);
    }
    expect(await acme.get(`/v1/sellers/${encodeURIComponent(SHOPS[0])}`)).toMatchObject({
      total_credited: 204,
    });
    expect(await acme.post(`${PATH}/${pending}/approve`, 200)).toMatchObject({ status: "approved" });
  },
  TEST_MS_MAX,
);

test(
  "a decided credit request is refused as such at any moment, also while it leaves memory",
  async () => {
    const LEAD_MS = 10_000;
    const machine = new Machine("threads");
    const acme = await machine.start();
    await acme.post("/v1/sellers", 201, { id: "kiosk", name: "Kiosk" });
    const { id } = await (await acme.colleague()).post(PATH, 201, { seller: "kiosk", amount: 5 });
    const path = `${PATH}/${String(id)}`;
    const decided = await acme.post(`${path}/reject`, 200);
    // It leaves memory at the next full minute; a second request stays a day longer.
    const dueMs = Math.ceil((Date.parse(String(decided["decided_at"])) + 30 * DAY_MS) / 60_000) * 60_000;
    await machine.moveTo(acme, dueMs - LEAD_MS - Date.now());
    const endMs = performance.now() + 3 * LEAD_MS;
    let isForgotten = false;
    while (!isForgotten && performance.now() < endMs) {
      expect(await acme.race(20, (client) => client.send("POST", `${path}/approve`))).toEqual(
        new Map([[409, 20]]),
      );
      expect(await acme.get(path)).toEqual(decided);
      expect(await listed(acme)).toEqual([decided]);
      const { next_cursor } = await acme.get(`${PATH}?limit=1&cursor=old..0`);
      const archived = await acme.get(`${PATH}?cursor=old..0`);
      expect(next_cursor).toBeNull();
      isForgotten = (archived["data"] as readonly Json[]).length > 0;
    }
    expect(isForgotten).toBe(true);
    expect(await acme.race(20, (client) => client.send("POST", `${path}/approve`))).toEqual(
      new Map([[409, 20]]),
    );
  },
  TEST_MS_MAX,
);
