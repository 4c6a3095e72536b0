/** Requests for the routes with idempotency keys of loyalty, vouchers, top-up and segments. */
import { fresh, idOf, inSeconds, type Keyed, post, type Routes, type World } from "./world.ts";

async function member({ acme }: World): Promise<string> {
  const id = fresh("member");
  await acme.post("/v1/loyalty/members", 201, { id, name: "First" });
  return `/v1/loyalty/members/${id}`;
}

async function customer({ acme }: World): Promise<string> {
  const email = `${fresh("customer")}@example.com`;
  await acme.post("/v1/customers", 201, { email });
  return email;
}

async function offer({ acme }: World): Promise<string> {
  const name = fresh("offer");
  await acme.ask("PUT", `/v1/offers/${name}`, 200, { discount: 10 });
  return name;
}

async function vouchers(
  world: World,
): Promise<Readonly<{ email: string; codes: readonly [string, string] }>> {
  const [email, name] = [await customer(world), await offer(world)];
  const issue = async () => {
    const body = { email, offer_name: name, expires_at: inSeconds(3600) };
    return String((await world.acme.post("/v1/vouchers", 201, body))["code"]);
  };
  return { email, codes: [await issue(), await issue()] };
}

async function voucherAction(world: World, action: "redeem" | "rollback" | "cancel"): Promise<Keyed> {
  const { acme } = world;
  const { email, codes } = await vouchers(world);
  const path = (code: string, act: string = action) => `/v1/vouchers/${code}/${act}`;
  const body = action === "cancel" ? undefined : { email };
  if (action === "rollback") for (const code of codes) await acme.post(path(code, "redeem"), 200, { email });
  const undo = action === "redeem" ? "rollback" : "redeem";
  const spoil = () => acme.post(path(codes[0], undo), 200, { email });
  return {
    caller: acme,
    ...post(path(codes[0]), body),
    ...(action !== "cancel" && { spoil }),
    other: post(path(codes[1]), body),
  };
}

async function seller({ acme }: World): Promise<string> {
  const id = fresh("seller");
  await acme.post("/v1/sellers", 201, { id, name: "Seller" });
  return id;
}

async function creditRequest({ acme }: World, of: string, amount = 1000): Promise<string> {
  const made = await (await acme.colleague()).post("/v1/credit-requests", 201, { seller: of, amount });
  return `/v1/credit-requests/${idOf(made)}`;
}

async function decision(world: World, verb: "approve" | "reject"): Promise<Keyed> {
  const of = await seller(world);
  const [first, second] = [await creditRequest(world, of), await creditRequest(world, of)];
  return { caller: world.acme, ...post(`${first}/${verb}`), other: post(`${second}/${verb}`) };
}

async function sellerAction(world: World, action: "suspend" | "resume"): Promise<Keyed> {
  const id = await seller(world);
  const path = (act: string) => `/v1/sellers/${id}/${act}`;
  const opposite = action === "suspend" ? "resume" : "suspend";
  const spoil = () => world.acme.post(path(opposite), 200);
  return { caller: world.acme, ...post(path(action)), spoil, other: post(path(opposite)) };
}

/** By the seller, whose key makes the requests. */
async function withdrawal({ acme, as }: World): Promise<Keyed> {
  const { api_key } = await acme.post("/v1/sellers", 201, { id: fresh("seller"), name: "Seller" });
  const caller = as(String(api_key));
  const request = async () => {
    const { id } = await caller.post("/v1/credit-requests", 201, { amount: 10 });
    return `/v1/credit-requests/${String(id)}/withdraw`;
  };
  return { caller, ...post(await request()), other: post(await request()) };
}

function phoneLimit(max_amount: number) {
  return { method: "PUT", path: "/v1/topup-settings", body: { phone_limits: { max_amount } } };
}

/** Of top-ups that the simulated operator never decides. */
async function topupDecision(world: World, verb: "confirm" | "fail"): Promise<Keyed> {
  const of = await seller(world);
  await world.acme.post(`${await creditRequest(world, of)}/approve`, 200);
  const sell = async () => {
    const body = { seller: of, phone: "09120000002", amount: 10 };
    return `/v1/topups/${idOf(await world.acme.post("/v1/topups", 201, body))}/${verb}`;
  };
  return { caller: world.acme, ...post(await sell()), other: post(await sell()) };
}

async function topup(world: World): Promise<Keyed> {
  const of = await seller(world);
  await world.acme.post(`${await creditRequest(world, of)}/approve`, 200);
  const body = { seller: of, phone: "09121234567", amount: 10 };
  const spoil = () => world.acme.post(`/v1/sellers/${of}/suspend`, 200);
  return {
    caller: world.acme,
    ...post("/v1/topups", body),
    spoil,
    other: post("/v1/topups", { ...body, amount: 11 }),
  };
}

/** A segment with 50 percent of the users. */
async function segment({ acme }: World): Promise<string> {
  const slug = fresh("SEGMENT_");
  for (let i = 0; i < 4; i++) await acme.post("/v1/users", 201, { id: fresh("user") });
  await acme.post("/v1/segments", 201, { slug, user_percent: 50 });
  return slug;
}

export const PROGRAMME_ROUTES: Routes = {
  "POST /v1/loyalty/members": async ({ acme }) => {
    const id = fresh("member");
    const create = (name: string) => post("/v1/loyalty/members", { id, name });
    const spoil = () => acme.ask("PATCH", `/v1/loyalty/members/${id}`, 200, { name: "Renamed" });
    return { caller: acme, ...create("A"), spoil, other: create("B") };
  },
  "PATCH /v1/loyalty/members/{id}": async (world) => {
    const path = await member(world);
    const rename = (name: string) => ({ method: "PATCH", path, body: { name } });
    const spoil = () => world.acme.ask("DELETE", path, 204);
    return { caller: world.acme, ...rename("Second"), spoil, other: rename("Third") };
  },
  "DELETE /v1/loyalty/members/{id}": async (world) => {
    const path = await member(world);
    const id = path.split("/").at(-1);
    const spoil = () => world.acme.post("/v1/loyalty/members", 201, { id });
    return {
      caller: world.acme,
      method: "DELETE",
      path,
      spoil,
      other: { method: "PATCH", path, body: { name: "x" } },
    };
  },
  "POST /v1/loyalty/members/{id}/accruals": async (world) => {
    const path = await member(world);
    const accrue = (points: number) => post(`${path}/accruals`, { points, description: "x" });
    const spoil = () => world.acme.post(`${path}/redemptions`, 201, { points: 5, description: "x" });
    return { caller: world.acme, ...accrue(5), spoil, other: accrue(6) };
  },
  "POST /v1/loyalty/members/{id}/redemptions": async (world) => {
    const path = await member(world);
    await world.acme.post(`${path}/accruals`, 201, { points: 9, description: "x" });
    const redeem = (points: number) => post(`${path}/redemptions`, { points, description: "x" });
    const spoil = () => world.acme.post(`${path}/redemptions`, 201, { points: 4, description: "x" });
    return { caller: world.acme, ...redeem(5), spoil, other: redeem(1) };
  },
  "PUT /v1/loyalty/settings": async ({ acme }) => {
    const path = "/v1/loyalty/settings";
    const set = (total_threshold: number) => {
      return { method: "PUT", path, body: { member_threshold: 10, total_threshold } };
    };
    const spoil = () => acme.ask("PUT", path, 200, { member_threshold: 1000, total_threshold: 100_000 });
    return { caller: acme, ...set(20), spoil, other: set(30) };
  },
  "POST /v1/customers": async ({ acme }) => {
    const email = `${fresh("customer")}@example.com`;
    const create = (name: string) => post("/v1/customers", { email, name });
    return { caller: acme, ...create("A"), other: create("B") };
  },
  "DELETE /v1/customers/{email}": async (world) => {
    const email = await customer(world);
    const path = `/v1/customers/${email}`;
    const spoil = () => world.acme.post("/v1/customers", 201, { email });
    return { caller: world.acme, method: "DELETE", path, spoil, other: post("/v1/customers", { email }) };
  },
  "PUT /v1/offers/{name}": async ({ acme }) => {
    const path = `/v1/offers/${fresh("offer")}`;
    const set = (discount: number) => ({ method: "PUT", path, body: { discount } });
    const spoil = () => acme.ask("PUT", path, 200, { discount: 99 });
    return { caller: acme, ...set(10), spoil, other: set(11) };
  },
  "POST /v1/vouchers": async (world) => {
    const [email, offer_name] = [await customer(world), await offer(world)];
    const issue = (seconds: number) =>
      post("/v1/vouchers", { email, offer_name, expires_at: inSeconds(seconds) });
    const spoil = () => world.acme.ask("PUT", `/v1/offers/${offer_name}`, 200, { discount: 99 });
    return { caller: world.acme, ...issue(3600), spoil, other: issue(7200) };
  },
  "POST /v1/vouchers/{code}/redeem": (world) => voucherAction(world, "redeem"),
  "POST /v1/vouchers/{code}/rollback": (world) => voucherAction(world, "rollback"),
  "POST /v1/vouchers/{code}/cancel": (world) => voucherAction(world, "cancel"),
  "POST /v1/voucher-batches": async (world) => {
    const [email, offer_name] = [await customer(world), await offer(world)];
    const body = { offer_name, emails: [email], expires_at: inSeconds(3600) };
    const other = { ...body, emails: "all" };
    return {
      caller: world.acme,
      ...post("/v1/voucher-batches", body),
      other: post("/v1/voucher-batches", other),
    };
  },
  "POST /v1/sellers": async ({ acme }) => {
    const id = fresh("seller");
    const create = (name: string) => post("/v1/sellers", { id, name });
    const spoil = () => acme.post(`/v1/sellers/${id}/suspend`, 200);
    return { caller: acme, ...create("A"), spoil, other: create("B") };
  },
  "PATCH /v1/sellers/{id}": async (world) => {
    const path = `/v1/sellers/${await seller(world)}`;
    const set = (low_credit_threshold: number) => ({ method: "PATCH", path, body: { low_credit_threshold } });
    const spoil = () => world.acme.post(`${path}/suspend`, 200);
    return { caller: world.acme, ...set(10), spoil, other: set(11) };
  },
  "POST /v1/monitors": async ({ acme }) => {
    const account = fresh("watched");
    const watch = (value: number) => post("/v1/monitors", { account, field: "posted", when: "above", value });
    return { caller: acme, ...watch(10), other: watch(11) };
  },
  "DELETE /v1/monitors/{id}": async ({ acme }) => {
    const body = { account: fresh("watched"), field: "held", when: "above", value: 1 };
    const paths: string[] = [];
    for (let i = 0; i < 2; i++)
      paths.push(`/v1/monitors/${idOf(await acme.post("/v1/monitors", 201, body))}`);
    const [path = "", another = ""] = paths;
    return { caller: acme, method: "DELETE", path, other: { method: "DELETE", path: another } };
  },
  "POST /v1/sellers/{id}/suspend": (world) => sellerAction(world, "suspend"),
  "POST /v1/sellers/{id}/resume": (world) => sellerAction(world, "resume"),
  "POST /v1/credit-requests": async (world) => {
    const of = await seller(world);
    const ask = (amount: number) => post("/v1/credit-requests", { seller: of, amount });
    return { caller: world.acme, ...ask(10), other: ask(11) };
  },
  "POST /v1/credit-requests/{id}/approve": (world) => decision(world, "approve"),
  "POST /v1/credit-requests/{id}/reject": (world) => decision(world, "reject"),
  "POST /v1/credit-requests/{id}/withdraw": withdrawal,
  "POST /v1/topups": topup,
  "POST /v1/topups/{id}/confirm": (world) => topupDecision(world, "confirm"),
  "POST /v1/topups/{id}/fail": (world) => topupDecision(world, "fail"),
  "PUT /v1/topup-settings": async ({ acme }) => {
    const spoil = () => acme.ask("PUT", "/v1/topup-settings", 200, { phone_limits: null });
    return { caller: acme, ...phoneLimit(1_000_000), spoil, other: phoneLimit(2_000_000) };
  },
  "POST /v1/segments": async ({ acme }) => {
    const slug = fresh("SEGMENT_");
    await acme.post("/v1/users", 201, { id: fresh("user") });
    const create = (user_percent: number) => post("/v1/segments", { slug, user_percent });
    const spoil = () => acme.post(`/v1/segments/${slug}/users`, 200, { ids: [fresh("user"), fresh("user")] });
    return { caller: acme, ...create(50), spoil, other: create(60) };
  },
  "PATCH /v1/segments/{slug}": async (world) => {
    const slug = await segment(world);
    const path = `/v1/segments/${slug}`;
    const raise = (user_percent: number) => ({ method: "PATCH", path, body: { user_percent } });
    const spoil = () => world.acme.ask("DELETE", path, 204);
    return { caller: world.acme, ...raise(75), spoil, other: raise(80) };
  },
  "DELETE /v1/segments/{slug}": async (world) => {
    const slug = await segment(world);
    const path = `/v1/segments/${slug}`;
    const spoil = () => world.acme.post("/v1/segments", 201, { slug });
    const other = { method: "PATCH", path, body: { user_percent: 80 } };
    return { caller: world.acme, method: "DELETE", path, spoil, other };
  },
  "POST /v1/segments/{slug}/users": async (world) => {
    const path = `/v1/segments/${await segment(world)}/users`;
    const add = (...ids: readonly string[]) => post(path, { ids });
    // With eight users the other request reaches further shards.
    return {
      caller: world.acme,
      ...add(fresh("user")),
      other: add(...Array.from({ length: 8 }, () => fresh("user"))),
    };
  },
  "POST /v1/segments/{slug}/users/remove": async (world) => {
    const users = `/v1/segments/${await segment(world)}/users`;
    const ids = [fresh("user"), fresh("user"), fresh("user")];
    await world.acme.post(users, 200, { ids });
    const [first = "", ...others] = ids;
    const spoil = () => world.acme.post(users, 200, { ids: [first] });
    const remove = (...gone: readonly string[]) => post(`${users}/remove`, { ids: gone });
    return { caller: world.acme, ...remove(first), spoil, other: remove(...others) };
  },
  "POST /v1/users": async ({ acme }) => {
    const id = fresh("user");
    const path = `/v1/users/${id}/segments`;
    return { caller: acme, ...post("/v1/users", { id }), other: { method: "PATCH", path, body: {} } };
  },
  "PATCH /v1/users/{id}/segments": async (world) => {
    const slug = await segment(world);
    const path = `/v1/users/${fresh("user")}/segments`;
    const add = (ttl_s: number) => ({ method: "PATCH", path, body: { add: [{ slug, ttl_s }] } });
    const spoil = () => world.acme.ask("PATCH", path, 200, { remove: [slug] });
    return { caller: world.acme, ...add(60), spoil, other: add(90) };
  },
  "POST /v1/segment-reports": async ({ acme }) => {
    const [path, year] = ["/v1/segment-reports", 2026];
    return { caller: acme, ...post(path, { year, month: 1 }), other: post(path, { year, month: 2 }) };
  },
};
