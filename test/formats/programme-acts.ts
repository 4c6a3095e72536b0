/** Every act of every programme, but for those that only a long time brings about. */
import { setTimeout as delay } from "node:timers/promises";

export type Body = Readonly<Record<string, unknown>>;
export type Send = (method: string, path: string, body?: Body, key?: string) => Promise<Body>;

/** `as` sends with another token. `operator` is the operator's. */
export type Callers = Readonly<{ acme: Send; operator: Send; as: (token: string) => Send }>;

/** What begins now is over after it. */
const SHORT_S = 1;
const MEMBERS = "/v1/loyalty/members";
const REQUESTS = "/v1/wallet/payment-requests";
const LONG_PASSWORD = "a long password";

/** @param round so that each has people of its own. */
export async function actInProgrammes(callers: Callers, round: number): Promise<void> {
  const acme = surely(callers.acme);
  await loyalty(acme, round);
  await vouchers(acme, round);
  await segments(acme, round);
  const as = (token: string) => surely(callers.as(token));
  await topup({ acme, as }, round);
  await wallets({ acme, operator: surely(callers.operator), as }, round);
  // What has a short time is over, and what takes several portions is done.
  await delay(SHORT_S * 1000 + 1500);
}

/** A refusal would be a gap in the fixture. */
function surely(send: Send): Send {
  return async (method, path, body, key) => {
    const answer = await send(method, path, body, key);
    if (String(answer["type"]).startsWith("/problems/"))
      throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
}

const soon = (): string => new Date(Date.now() + SHORT_S * 1000).toISOString();
const LATER = "2090-01-01T00:00:00.000Z";
const idOf = ({ id }: Body): string => String(id);

async function loyalty(acme: Send, round: number): Promise<void> {
  await acme("PUT", "/v1/loyalty/settings", { member_threshold: 100 * round, total_threshold: 1000 * round });
  const [ann, bea] = [`ann${round}`, `bea${round}`];
  for (const id of [ann, bea]) await acme("POST", MEMBERS, { id, name: id }, `member-${id}`);
  await acme("PATCH", `${MEMBERS}/${ann}`, { name: "Ann “A”" });
  await acme("DELETE", `${MEMBERS}/${bea}`);
  const accrue = (points: number, more: Body = {}) =>
    acme("POST", `${MEMBERS}/${ann}/accruals`, { points, description: "Haircut", ...more });
  await accrue(500);
  await accrue(70, { expires_at: soon() });
  await accrue(80, { expires_at: LATER, occurred_at: "2026-01-01T00:00:00.000Z" });
  const spent = { points: 30, description: "Coffee" };
  const spending = await acme("POST", `${MEMBERS}/${ann}/redemptions`, spent, `spend-${round}`);
  await acme("POST", `/v1/transfers/${idOf(spending)}/revert`);
}

async function vouchers(acme: Send, round: number): Promise<void> {
  const email = `cy${round}@example.com`;
  await acme("POST", "/v1/customers", { email, name: "Cy" });
  const [live, fixed] = [`live${round}`, `fixed${round}`];
  await acme("PUT", `/v1/offers/${live}`, { discount: 12.5, pricing: "live" });
  await acme("PUT", `/v1/offers/${fixed}`, { discount: 20, pricing: "snapshot" });
  const issue = async (offer_name: string, expires_at: string, more: Body = {}) => {
    const { code } = await acme("POST", "/v1/vouchers", { email, offer_name, expires_at, ...more });
    return `/v1/vouchers/${String(code)}`;
  };
  const used = await issue(live, LATER);
  await acme("POST", `${used}/redeem`, { email });
  await acme("POST", `${used}/rollback`, { email });
  await acme("POST", `${used}/redeem`, { email });
  await acme("POST", `${await issue(fixed, LATER)}/cancel`);
  await issue(`own${round}`, LATER, { discount: 5 });
  await issue(live, soon());
  const batch = { offer_name: fixed, expires_at: LATER };
  await acme("POST", "/v1/voucher-batches", { ...batch, emails: "all" });
  await acme("POST", "/v1/voucher-batches", { ...batch, emails: [email], run_at: soon() });
}

async function segments(acme: Send, round: number): Promise<void> {
  const [byHand, drawn, gone] = [`HAND_${round}`, `DRAWN_${round}`, `GONE_${round}`];
  const users = Array.from({ length: 8 }, (_, i) => `u${round}x${i}`);
  await acme("POST", "/v1/users", {});
  await acme("POST", "/v1/users", { id: `own${round}` });
  await acme("POST", "/v1/segments", { slug: byHand });
  await acme("POST", "/v1/segments", { slug: gone });
  for (const slug of [byHand, gone]) await acme("POST", `/v1/segments/${slug}/users`, { ids: users });
  await acme("POST", "/v1/segments", { slug: drawn, user_percent: 25 });
  await acme("PATCH", `/v1/segments/${drawn}`, { user_percent: 75 });
  const [first, second] = users;
  await acme("PATCH", `/v1/users/${first}/segments`, { remove: [byHand] });
  await acme("PATCH", `/v1/users/${second}/segments`, { add: [{ slug: drawn, ttl_s: SHORT_S }] });
  await acme("POST", `/v1/segments/${byHand}/users`, { ids: [`late${round}`], ttl_s: SHORT_S });
  await acme("DELETE", `/v1/segments/${gone}`);
  await acme("POST", "/v1/segment-reports", { year: 2026, month: 11 });
}

async function topup({ acme, as }: Pick<Callers, "acme" | "as">, round: number): Promise<void> {
  const seller = `kiosk${round}`;
  const { api_key } = await acme("POST", "/v1/sellers", { id: seller, name: "Kiosk" });
  const own = as(String(api_key));
  const ask = async (amount: number) =>
    `/v1/credit-requests/${idOf(await own("POST", "/v1/credit-requests", { amount, note: "x" }))}`;
  await acme("POST", `${await ask(10_000)}/approve`);
  await acme("POST", `${await ask(-1_000)}/approve`);
  await acme("POST", `${await ask(500)}/reject`, { reason: "No" });
  await ask(700);
  const sale = { seller, phone: "09121234567", amount: 100, reference: `r${round}` };
  const sold = await acme("POST", "/v1/topups", sale);
  await acme("POST", "/v1/topups", { ...sale, phone: "+4915112345678", reference: `s${round}` });
  await acme("POST", `/v1/transfers/${idOf(sold)}/revert`);
  await acme("POST", `/v1/sellers/${seller}/suspend`);
  await acme("POST", `/v1/sellers/${seller}/resume`);
}

async function wallets({ operator, as }: Callers, round: number): Promise<void> {
  const asked = { role: "bank", name: `bank${round}` };
  const bank = as(String((await operator("POST", "/v1/partners/house/keys", asked))["api_key"]));
  const stranger = as("");
  const people = await Promise.all(
    ["kim", "lou"].map(async (name) => {
      const email = `${name}${round}@example.com`;
      const user = { name, email, password: LONG_PASSWORD };
      const { wallet_id, token } = await stranger("POST", "/v1/wallet/signup", user);
      const deposit = { wallet_id, amount: 10_000, details: "Salary", bank_ref: `ref-${name}-${round}` };
      await bank("POST", "/v1/deposits", deposit);
      return { email, wallet: String(wallet_id), send: as(String(token)) };
    }),
  );
  const [kim, lou] = people;
  if (kim === undefined || lou === undefined) throw new Error("two have signed up");
  await kim.send("POST", "/v1/wallet/transfers", { to_wallet_id: lou.wallet, amount: 250, memo: "Dinner" });
  const hold = async (more: Body = {}) =>
    `/v1/wallet/holds/${idOf(await kim.send("POST", "/v1/wallet/holds", { amount: 400, ...more }))}`;
  await kim.send("POST", `${await hold()}/capture`, { to_wallet_id: lou.wallet, amount: 150, final: false });
  await kim.send("POST", `${await hold()}/void`);
  await hold({ timeout_s: SHORT_S });
  await hold();
  const request = async (more: Body = {}) => {
    const body = { payer_wallet_id: kim.wallet, amount: 60, memo: "Half", ...more };
    return `${REQUESTS}/${idOf(await lou.send("POST", REQUESTS, body))}`;
  };
  await kim.send("POST", `${await request()}/accept`);
  await kim.send("POST", `${await request()}/decline`);
  await lou.send("POST", `${await request()}/cancel`);
  await request({ expires_in_s: SHORT_S });
  await request();
  const withdraw = async () =>
    `/v1/withdrawals/${idOf(await lou.send("POST", "/v1/wallet/withdrawals", { amount: 90, details: "DE02" }))}`;
  await bank("POST", `${await withdraw()}/confirm`);
  await bank("POST", `${await withdraw()}/fail`);
  await withdraw();
  await lou.send("POST", "/v1/wallet/password", {
    password: LONG_PASSWORD,
    new_password: "another long password",
  });
  const login = { email: kim.email, password: LONG_PASSWORD };
  const { token } = await stranger("POST", "/v1/wallet/login", login);
  const { token: next } = await as(String(token))("POST", "/v1/wallet/refresh");
  await as(String(next))("POST", "/v1/wallet/logout");
}
