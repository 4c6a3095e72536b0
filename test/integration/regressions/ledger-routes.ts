/** Requests for the routes with idempotency keys of the ledger core and of partners. */
import type { Json } from "../programmes/test-server.ts";
import { fresh, idOf, type Keyed, post, type Routes, type Sent, type World } from "./world.ts";

/** Two accounts of one owner; the first has a balance of 1000. */
async function accounts({ acme }: World): Promise<Readonly<{ debit: string; credit: string }>> {
  const owner = fresh("owner");
  const [debit, credit] = [`${owner}/a`, `${owner}/b`] as const;
  for (const id of [debit, credit]) await acme.post("/v1/accounts", 201, { id, asset: "PTS/0" });
  await acme.post("/v1/transfers", 201, move("@issuance", debit, 1000));
  return { debit, credit };
}

function move(debit_account: string, credit_account: string, amount: number) {
  return { debit_account, credit_account, amount };
}

function patch(account: string, body: object): Sent {
  return { method: "PATCH", path: pathOf(account), body };
}

function pathOf(account: string): string {
  return `/v1/accounts/${encodeURIComponent(account)}`;
}

/** Two pending transfers of one owner. */
async function twoHolds(world: World) {
  const { debit, credit } = await accounts(world);
  const held = { ...move(debit, credit, 100), pending: true };
  const [first, second] = [
    await world.acme.post("/v1/transfers", 201, held),
    await world.acme.post("/v1/transfers", 201, held),
  ];
  return { debit, first: `/v1/transfers/${idOf(first)}`, second: `/v1/transfers/${idOf(second)}` };
}

async function transferAction(world: World, action: "post" | "void"): Promise<Keyed> {
  const { debit, first, second } = await twoHolds(world);
  const spoil = () => world.acme.post(`${pathOf(debit)}/freeze`, 200);
  return { caller: world.acme, ...post(`${first}/${action}`), spoil, other: post(`${second}/${action}`) };
}

async function revert(world: World): Promise<Keyed> {
  const { debit, credit } = await accounts(world);
  const send = () => world.acme.post("/v1/transfers", 201, move(debit, credit, 10));
  const [first, second] = [await send(), await send()];
  const spoil = () => world.acme.post(`${pathOf(credit)}/freeze`, 200);
  return { caller: world.acme, ...post(revertPath(first)), spoil, other: post(revertPath(second)) };
}

function revertPath(transfer: Json): string {
  return `/v1/transfers/${idOf(transfer)}/revert`;
}

async function accountAction(world: World, action: "freeze" | "unfreeze" | "close"): Promise<Keyed> {
  const { debit, credit } = await accounts(world);
  const spoil = () =>
    world.acme.post(`${pathOf(credit)}/${action === "freeze" ? "unfreeze" : "freeze"}`, 200);
  return {
    caller: world.acme,
    ...post(`${pathOf(credit)}/${action}`),
    ...(action !== "close" && { spoil }),
    other: post("/v1/transfers", move(debit, credit, 1)),
  };
}

async function partnerPath({ operator }: World): Promise<string> {
  const id = fresh("partner");
  await operator.post("/v1/partners", 201, { id, name: "First" });
  return `/v1/partners/${id}`;
}

export const LEDGER_ROUTES: Routes = {
  "POST /v1/transfers": async (world) => {
    const { debit, credit } = await accounts(world);
    const send = (amount: number) => post("/v1/transfers", move(debit, credit, amount));
    const spoil = () => world.acme.post(`${pathOf(debit)}/freeze`, 200);
    return { caller: world.acme, ...send(1), spoil, other: send(2) };
  },
  "POST /v1/transfers/{id}/post": (world) => transferAction(world, "post"),
  "POST /v1/transfers/{id}/void": (world) => transferAction(world, "void"),
  "POST /v1/transfers/{id}/revert": revert,
  "POST /v1/accounts": async ({ acme }) => {
    const [id, more] = [fresh("account/"), fresh("account/")];
    const body = { id, asset: "PTS/0" };
    const spoil = () => acme.ask("PATCH", pathOf(id), 200, { ceiling: 7 });
    return {
      caller: acme,
      ...post("/v1/accounts", body),
      spoil,
      other: post("/v1/accounts", { ...body, id: more }),
    };
  },
  "PATCH /v1/accounts/{id}": async (world) => {
    const { debit, credit } = await accounts(world);
    const spoil = () => world.acme.ask("PATCH", pathOf(credit), 200, { ceiling: 7 });
    return {
      caller: world.acme,
      ...patch(credit, { ceiling: 5000 }),
      spoil,
      other: patch(debit, { ceiling: 5000 }),
    };
  },
  "POST /v1/accounts/{id}/freeze": (world) => accountAction(world, "freeze"),
  "POST /v1/accounts/{id}/unfreeze": (world) => accountAction(world, "unfreeze"),
  "POST /v1/accounts/{id}/close": (world) => accountAction(world, "close"),
  "PATCH /v1/partners/{id}": async (world) => {
    const path = await partnerPath(world);
    const rename = (name: string) => ({ method: "PATCH", path, body: { name } });
    const spoil = () => world.operator.ask("PATCH", path, 200, { status: "suspended" });
    return { caller: world.operator, ...rename("Second"), spoil, other: rename("Third") };
  },
  // Reports and their secret belong to the same owner.
  "POST /v1/partners/{id}/report-secret/rotate": async ({ acme }) => {
    const other = post("/v1/segment-reports", { year: 2026, month: 1 });
    return { caller: acme, ...post("/v1/partners/acme/report-secret/rotate"), other };
  },
  "DELETE /v1/partners/{id}/keys/{key_id}": async (world) => {
    const path = `${await partnerPath(world)}/keys`;
    const make = async () => idOf(await world.operator.post(path, 201, { role: "read" }));
    const revoke = (id: string) => ({ method: "DELETE", path: `${path}/${id}` });
    return { caller: world.operator, ...revoke(await make()), other: revoke(await make()) };
  },
};

/** Routes whose answer contains a secret, which a replay omits. */
export const WITH_SECRET: Routes = {
  "POST /v1/partners": async ({ operator }) => {
    const id = fresh("partner");
    const create = (name: string) => post("/v1/partners", { id, name });
    return { caller: operator, ...create("A"), other: create("B") };
  },
  "POST /v1/partners/{id}/keys": async (world) => {
    const path = `${await partnerPath(world)}/keys`;
    const make = (name: string) => post(path, { role: "read", name });
    // This seller does not exist; that is checked only for a new idempotency key.
    const other = post(path, { role: "seller", seller: "nobody" });
    return { caller: world.operator, ...make("A"), other };
  },
};
