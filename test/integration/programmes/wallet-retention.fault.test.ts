/** Orders of wallets that ended more than 30 days ago, over HTTP. The server's clock is moved. */
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { DAY_MS, Machine } from "./moved-clock.ts";
import type { Caller, Json } from "./test-server.ts";
import { type Person, Wallets } from "./wallets.ts";

const TEST_MS_MAX = 180_000;
const HOLDS = "/v1/wallet/holds";
const REQUESTS = "/v1/wallet/payment-requests";
const WITHDRAWALS = "/v1/wallet/withdrawals";
/** By the name of a list: its path, and who reads it. */
const LISTS = {
  holds: [`${HOLDS}?role=payer`, "ann"],
  payee: [`${HOLDS}?role=payee`, "bo"],
  payer: [`${REQUESTS}?role=payer`, "ann"],
  requester: [`${REQUESTS}?role=requester`, "bo"],
  own: [`${WITHDRAWALS}?limit=2`, "ann"],
  all: ["/v1/withdrawals?limit=2", "bank"],
  failed: ["/v1/withdrawals?status=failed", "bank"],
  pending: ["/v1/withdrawals?status=pending", "bank"],
} as const;
type Name = keyof typeof LISTS;
type Callers = Readonly<Record<"ann" | "bo" | "bank", Caller>>;
type Lists = Readonly<Record<Name, readonly Json[]>>;

async function readLists(callers: Callers): Promise<Lists> {
  const read = async (name: Name) => {
    const [path, who] = LISTS[name];
    const rows = await callers[who].all(path);
    return [name, rows.toSorted((a, b) => String(a["id"]).localeCompare(String(b["id"])))] as const;
  };
  const lists: [Name, readonly Json[]][] = [];
  for (const name of Object.keys(LISTS) as Name[]) lists.push([...(await read(name))]);
  return Object.fromEntries(lists) as Lists;
}

async function loggedIn(machine: Machine, { email, password }: Person): Promise<Caller> {
  const { token } = await machine.caller("nobody").post("/v1/wallet/login", 200, { email, password });
  return machine.caller(String(token));
}

function idOf({ id }: Json): string {
  return String(id);
}

/** Makes orders that end in each way. @returns their ids by what became of them */
async function makeOrders(ann: Person, bo: Person, bank: Caller): Promise<Readonly<Record<string, string>>> {
  const ids: Record<string, string> = {};
  for (const [name, to] of [
    ["captured", { to_wallet_id: bo.wallet }],
    ["voided", {}],
    ["expired", { to_wallet_id: bo.wallet }],
  ] as const) {
    const terms = { amount: 10, memo: name, timeout_s: 3_600, ...to };
    ids[name] = idOf(await ann.caller.post(HOLDS, 201, terms));
  }
  await bo.caller.post(`${HOLDS}/${ids["captured"]}/capture`, 200, { amount: 4 });
  await ann.caller.post(`${HOLDS}/${ids["voided"]}/void`, 200);
  for (const name of ["accept", "decline", "cancel", "lapse"]) {
    const terms = { payer_wallet_id: ann.wallet, amount: 3, expires_in_s: 3_600 };
    ids[name] = idOf(await bo.caller.post(REQUESTS, 201, terms));
    const caller = name === "cancel" ? bo.caller : ann.caller;
    if (name !== "lapse") await caller.post(`${REQUESTS}/${ids[name]}/${name}`, 200);
  }
  for (const name of ["confirm", "fail", "wait"]) {
    ids[name] = idOf(await ann.caller.post(WITHDRAWALS, 201, { amount: 5, details: name }));
    if (name !== "wait") await bank.post(`/v1/withdrawals/${ids[name]}/${name}`, 200);
  }
  return ids;
}

test(
  "ended orders are found in the archive after 30 days, also after a restart from a snapshot",
  async () => {
    const machine = new Machine("processes");
    const acme = await machine.start();
    const wallets = new Wallets(machine);
    const bank = await wallets.bank("north");
    const [ann, bo, eve] = [await wallets.person(100), await wallets.person(), await wallets.person()];
    const ids = await makeOrders(ann, bo, bank);
    await machine.moveTo(acme, DAY_MS / 2);
    const before = await readLists({ ann: ann.caller, bo: bo.caller, bank });
    expect(Object.values(before).map(({ length }) => length)).toEqual([3, 2, 4, 4, 3, 3, 1, 1]);

    await machine.moveTo(acme, 32 * DAY_MS);
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        await machine.takeSnapshots();
        await machine.restart();
      }
      const callers = {
        ann: await loggedIn(machine, ann),
        bo: await loggedIn(machine, bo),
        bank: await wallets.bank("north"),
      };
      await until("the orders are forgotten", async () => {
        const archived = await callers.bank.get("/v1/withdrawals?cursor=old..0");
        const old = await callers.ann.get(`${HOLDS}?cursor=old..0`);
        const asked = await callers.ann.get(`${REQUESTS}?cursor=old..0`);
        return [archived, old, asked].every(({ data }) => (data as readonly Json[]).length > 1);
      });
      expect(await readLists(callers)).toEqual(before);
      for (const limit of [1, 2, 4])
        expect(await callers.ann.all(`${REQUESTS}?limit=${limit}`)).toHaveLength(4);

      // What has ended is refused as such, and a retry gets the same.
      for (const [caller, verb] of [
        [callers.ann, "accept"],
        [callers.ann, "decline"],
        [callers.bo, "cancel"],
      ] as const)
        for (const name of ["accept", "decline", "cancel", "lapse"]) {
          const key = { "Idempotency-Key": `${isRestarted}-${verb}-${name}` };
          for (let i = 0; i < 2; i++)
            expect(
              await caller.ask("POST", `${REQUESTS}/${ids[name]}/${verb}`, 409, undefined, key),
            ).toMatchObject({ code: "already_decided" });
        }
      for (const name of ["confirm", "fail"])
        for (const verb of ["confirm", "fail"])
          await callers.bank.refused("POST", `/v1/withdrawals/${ids[name]}/${verb}`, 409, "already_decided");
      for (const [caller, name, code] of [
        [callers.bo, "captured", "transfer_not_pending"],
        [callers.ann, "voided", "transfer_not_pending"],
        [callers.bo, "expired", "transfer_expired"],
      ] as const) {
        const status = code === "transfer_expired" ? 410 : 409;
        await caller.refused("POST", `${HOLDS}/${ids[name]}/void`, status, code);
      }
      // Others must not learn that they exist.
      const stranger = await loggedIn(machine, eve);
      for (const verb of ["accept", "cancel"])
        await stranger.refused(
          "POST",
          `${REQUESTS}/${ids["accept"]}/${verb}`,
          404,
          "payment_request_not_found",
        );
      await stranger.refused("POST", `${HOLDS}/${ids["captured"]}/void`, 404, "hold_not_found");
      for (const path of [HOLDS, `${HOLDS}?role=payee`, REQUESTS, `${REQUESTS}?role=requester`, WITHDRAWALS])
        expect(await stranger.all(path)).toEqual([]);
      await callers.ann.refused("GET", `${HOLDS}?cursor=old.x`, 400, "validation_failed");
    }
    // A pending one stays, however old it is.
    await (await wallets.bank("north")).post(`/v1/withdrawals/${ids["wait"]}/confirm`, 200);
  },
  TEST_MS_MAX,
);
