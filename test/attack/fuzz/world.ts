/** Creates one of each thing that a route can name, and the credentials for it. */

import { openShop, sell } from "../../integration/programmes/shop.ts";
import type { Caller, TestServer } from "../../integration/programmes/test-server.ts";
import { Wallets } from "../../integration/programmes/wallets.ts";
import { OPERATOR_KEY } from "../../support/server.ts";
import type { OpenApi } from "./requests.ts";
import type { Known } from "./schema-values.ts";

const PHONE = "+989121234567";
const FAR = "2090-01-01T00:00:00Z";
const OF_OPERATOR = ["/v1/partners", "/v1/trial-balance", "/v1/admin/shards", "/metrics"];

export type World = Readonly<{
  document: OpenApi;
  known: Known;
  keysFor: (route: string) => readonly string[];
}>;

async function makeBooks(fuzz: Caller) {
  const accounts = ["alice", "bob", "alice/points"];
  for (const id of accounts) await fuzz.post("/v1/accounts", 201, { id, asset: "PTS/0" });
  const move = { debit_account: "@issuance", credit_account: "alice", amount: 1000 };
  const transfers = [
    await fuzz.post("/v1/transfers", 201, move),
    await fuzz.post("/v1/transfers", 201, { ...move, pending: true }),
  ];
  const points = { points: 100, description: "x", expires_at: FAR };
  await fuzz.post("/v1/loyalty/members", 201, { id: "m1" });
  transfers.push(await fuzz.post("/v1/loyalty/members/m1/accruals", 201, points));
  return { accounts: [...accounts, "@issuance", "nobody"], transfers: transfers.map(({ id }) => String(id)) };
}

async function makeProgrammes(fuzz: Caller) {
  await fuzz.post("/v1/customers", 201, { email: "ann@example.com" });
  await fuzz.ask("PUT", "/v1/offers/spring", 200, { discount: 10 });
  const voucher = { email: "ann@example.com", offer_name: "spring", expires_at: FAR };
  const { code } = await fuzz.post("/v1/vouchers", 201, voucher);
  await fuzz.post("/v1/segments", 201, { slug: "VIP" });
  await fuzz.post("/v1/users", 201, { id: "u1" });
  return { code: String(code) };
}

export async function makeWorld(house: TestServer): Promise<World> {
  const key = await house.newPartner("fuzz");
  const fuzz = house.caller(key, "fuzz");
  const books = await makeBooks(fuzz);
  const { code } = await makeProgrammes(fuzz);
  const shop = await openShop(house, fuzz, "stall", 1000);
  const sale = await sell(shop, 7);
  const request = await fuzz.post("/v1/credit-requests", 201, { seller: "stall", amount: 5 });
  const { api_key: reader } = await fuzz.post("/v1/partners/fuzz/keys", 201, { role: "read" });
  const wallets = new Wallets(house);
  const people = [await wallets.person(1000), await wallets.person(1000)];
  const hold = await (people[0] as (typeof people)[0]).caller.post("/v1/wallet/holds", 201, { amount: 1 });
  const emails = ["ann@example.com", ...people.map(({ email }) => email), "nobody"];
  const known: Known = {
    accounts: books.accounts,
    account: books.accounts,
    debit_account: books.accounts,
    prefix: ["a", ""],
    credit_account: books.accounts,
    asset: ["PTS/0", "USD/2"],
    transfers: books.transfers,
    partners: ["fuzz", "nobody"],
    keys: ["key_x"],
    members: ["m1", "nobody"],
    customers: emails,
    offers: ["spring", "none"],
    offer_name: ["spring"],
    vouchers: [code],
    code: [code],
    email: emails,
    sellers: ["stall", "nobody"],
    seller: ["stall"],
    "credit-requests": [String(request["id"])],
    topups: [String(sale["id"])],
    phones: [PHONE],
    phone: [PHONE, "09121234567", "1"],
    segments: ["VIP", "NONE"],
    slug: ["VIP", "NEW", "no"],
    users: ["u1", "u2"],
    holds: [String(hold["id"])],
    wallet_id: people.map(({ wallet }) => wallet),
    to_wallet_id: people.map(({ wallet }) => wallet),
    payer_wallet_id: people.map(({ wallet }) => wallet),
    cursor: ["x", "00", "AAAA"],
    n: ["0", "9", "x"],
  };
  const tokens = people.map(({ token }) => token);
  const { api_key: bank } = await fuzz.post("/v1/partners/fuzz/keys", 201, { role: "bank", name: "north" });
  const others = [String(reader), shop.key, String(bank), "nonsense"];
  return {
    document: (await fuzz.get("/openapi.json")) as unknown as OpenApi,
    known,
    keysFor: (route) => {
      if (route.startsWith("/v1/wallet")) return [...tokens, ...tokens, key];
      const mine = Array.from({ length: 20 }, () => key);
      return OF_OPERATOR.includes(route)
        ? [OPERATOR_KEY, ...mine, ...others]
        : [...mine, ...others, ...tokens];
    },
  };
}
