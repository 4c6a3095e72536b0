/** Requests for the routes with idempotency keys of wallets and banks. */
import type { Person } from "../programmes/wallets.ts";
import { fresh, idOf, type Keyed, post, type Routes, type Sent, type World } from "./world.ts";

async function person(world: World): Promise<Person> {
  return world.wallets.person(1000);
}

async function holdAction(world: World, action: "capture" | "void"): Promise<Keyed> {
  const [payer, payee] = [await person(world), await person(world)];
  const hold = async () => idOf(await payer.caller.post("/v1/wallet/holds", 201, { amount: 10 }));
  const path = (id: string) => `/v1/wallet/holds/${id}/${action}`;
  const body = action === "capture" ? { to_wallet_id: payee.wallet } : undefined;
  return { caller: payer.caller, ...post(path(await hold()), body), other: post(path(await hold()), body) };
}

const REQUESTS = "/v1/wallet/payment-requests";

async function requestAction(world: World, action: "accept" | "decline" | "cancel"): Promise<Keyed> {
  const [payer, requester] = [await person(world), await person(world)];
  const body = { payer_wallet_id: payer.wallet, amount: 10 };
  const request = async () => idOf(await requester.caller.post(REQUESTS, 201, body));
  const path = (id: string) => `${REQUESTS}/${id}/${action}`;
  const { caller } = action === "cancel" ? requester : payer;
  return { caller, ...post(path(await request())), other: post(path(await request())) };
}

/** What the platform does with one user. */
async function supportAction(world: World, verb: string, spoiling: string, other: Sent): Promise<Keyed> {
  const { user } = await world.wallets.person();
  const path = (action: string) => `/v1/wallet-users/${user}/${action}`;
  const { operator: caller } = world;
  const spoil = () => caller.client.send("POST", path(spoiling));
  return { caller, ...post(path(verb)), spoil, other: { ...other, path: path(other.path) } };
}

async function takeBack(world: World, verb: "return" | "correct"): Promise<Keyed> {
  const [from, to] = [await person(world), await person(world)];
  const bank = await world.wallets.bank("north");
  const move = async () =>
    verb === "return"
      ? idOf(await bank.post("/v1/deposits", 201, { wallet_id: from.wallet, amount: 5, details: "x" }))
      : idOf(await from.caller.post("/v1/wallet/transfers", 201, { to_wallet_id: to.wallet, amount: 5 }));
  const path = (id: string) =>
    verb === "return" ? `/v1/deposits/${id}/return` : `/v1/wallet-transfers/${id}/correct`;
  const body = { reason: "mistake" };
  const spoil = () => to.caller.post("/v1/wallet/transfers", 201, { to_wallet_id: from.wallet, amount: 7 });
  const caller = verb === "return" ? bank : world.operator;
  return { caller, ...post(path(await move()), body), spoil, other: post(path(await move()), body) };
}

async function withdrawalAction(world: World, action: "confirm" | "fail"): Promise<Keyed> {
  const { caller } = await person(world);
  const withdraw = async () =>
    idOf(await caller.post("/v1/wallet/withdrawals", 201, { amount: 10, details: "x" }));
  const path = (id: string) => `/v1/withdrawals/${id}/${action}`;
  const bank = await world.wallets.bank("north");
  return { caller: bank, ...post(path(await withdraw())), other: post(path(await withdraw())) };
}

export const WALLET_ROUTES: Routes = {
  "POST /v1/deposits": async (world) => {
    const { wallet } = await person(world);
    const bring = (amount: number, more: object = {}) => {
      return post("/v1/deposits", { wallet_id: wallet, amount, details: "x", ...more });
    };
    const caller = await world.wallets.bank("north");
    return { caller, ...bring(5, { bank_ref: fresh("ref") }), other: bring(6) };
  },
  "POST /v1/wallet/transfers": async (world) => {
    const [from, to] = [await person(world), await person(world)];
    const send = (amount: number) => post("/v1/wallet/transfers", { to_wallet_id: to.wallet, amount });
    const spoil = () => from.caller.post("/v1/wallet/transfers", 201, { to_wallet_id: to.wallet, amount: 7 });
    return { caller: from.caller, ...send(5), spoil, other: send(6) };
  },
  "POST /v1/wallet/holds": async (world) => {
    const { caller } = await person(world);
    const path = "/v1/wallet/holds";
    return { caller, ...post(path, { amount: 5 }), other: post(path, { amount: 6 }) };
  },
  "POST /v1/wallet/holds/{id}/capture": (world) => holdAction(world, "capture"),
  "POST /v1/wallet/holds/{id}/void": (world) => holdAction(world, "void"),
  [`POST ${REQUESTS}`]: async (world) => {
    const requester = await person(world);
    const ask = async () => post(REQUESTS, { payer_wallet_id: (await person(world)).wallet, amount: 5 });
    return { caller: requester.caller, ...(await ask()), other: await ask() };
  },
  [`POST ${REQUESTS}/{id}/accept`]: (world) => requestAction(world, "accept"),
  [`POST ${REQUESTS}/{id}/decline`]: (world) => requestAction(world, "decline"),
  [`POST ${REQUESTS}/{id}/cancel`]: (world) => requestAction(world, "cancel"),
  "POST /v1/wallet/withdrawals": async (world) => {
    const { caller } = await person(world);
    const [path, details] = ["/v1/wallet/withdrawals", "x"];
    return { caller, ...post(path, { amount: 5, details }), other: post(path, { amount: 6, details }) };
  },
  "POST /v1/deposits/{id}/return": (world) => takeBack(world, "return"),
  "POST /v1/wallet-transfers/{id}/correct": (world) => takeBack(world, "correct"),
  "POST /v1/wallet-users/{id}/freeze": (world) =>
    supportAction(world, "freeze", "unfreeze", post("unfreeze")),
  "POST /v1/wallet-users/{id}/unfreeze": (world) =>
    supportAction(world, "unfreeze", "freeze", post("freeze")),
  "POST /v1/wallet-users/{id}/close": (world) => supportAction(world, "close", "freeze", post("freeze")),
  "POST /v1/wallet-users/{id}/password-reset": (world) =>
    supportAction(world, "password-reset", "freeze", post("freeze")),
  "PUT /v1/wallet-users/{id}/limits": async (world) => {
    const put = { method: "PUT", body: { limits: [{ window_s: 60, direction: "debit", max_count: 1 }] } };
    const done = await supportAction(world, "limits", "freeze", {
      ...put,
      path: "limits",
      body: { limits: [] },
    });
    return { ...done, ...put };
  },
  "POST /v1/withdrawals/{id}/confirm": (world) => withdrawalAction(world, "confirm"),
  "POST /v1/withdrawals/{id}/fail": (world) => withdrawalAction(world, "fail"),
};
