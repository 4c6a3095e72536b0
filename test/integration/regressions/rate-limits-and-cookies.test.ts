/** Rate limits and the cookie check stop only the requests that they are meant for. */
import { beforeAll, expect, test } from "vitest";
import { type Caller, startTestServer } from "../programmes/test-server.ts";
import { type Person, Wallets } from "../programmes/wallets.ts";

const house = startTestServer({});
let acme: Caller;
let wallets: Wallets;
let person: Person;

beforeAll(async () => {
  acme = await house.partner("acme");
  await acme.ask("PUT", "/v1/offers/sale", 200, { discount: 10 });
  wallets = new Wallets(house);
  person = await wallets.person(1_000);
});

async function issue(email: string): Promise<string> {
  await acme.client.send("POST", "/v1/customers", { email });
  const body = { email, offer_name: "sale", expires_at: "2099-01-01T00:00:00Z" };
  return String((await acme.post("/v1/vouchers", 201, body))["code"]);
}

const WRONG = "/v1/vouchers/22222222222222";

test("the limit on unknown codes never blocks a valid code, and applies per customer and API key", async () => {
  const [ann, bob] = ["ann@example.com", "bob@example.com"];
  const codes = [await issue(ann), await issue(ann), await issue(bob)];
  const guessed = await acme.race(60, (client) => client.send("POST", `${WRONG}/redeem`, { email: ann }));
  expect(guessed).toEqual(
    new Map([
      [404, 50],
      [429, 10],
    ]),
  );
  for (const action of ["validate", "redeem", "rollback"]) {
    await acme.refused("POST", `${WRONG}/${action}`, 429, "rate_limited", { email: ann });
    await acme.refused("POST", `/v1/vouchers/nonsense/${action}`, 429, "rate_limited", { email: ann });
    await acme.post(`/v1/vouchers/${codes[0]}/${action}`, 200, { email: ann });
    await acme.refused("POST", `${WRONG}/${action}`, 404, "voucher_not_found", { email: bob });
  }
  await acme.post(`/v1/vouchers/${codes[1]}/cancel`, 200);
  await acme.refused("POST", `${WRONG}/cancel`, 404, "voucher_not_found");
  await acme.post(`/v1/vouchers/${codes[2]}/redeem`, 200, { email: bob });
  const other = house.caller(
    String((await acme.post("/v1/partners/acme/keys", 201, { role: "partner" }))["api_key"]),
  );
  await other.refused("POST", `${WRONG}/redeem`, 404, "voucher_not_found", { email: ann });
});

test("a retry of a rejected redemption gets the first answer even beyond the guess limit", async () => {
  const email = "cid@example.com";
  await issue(email);
  const headers = { "Idempotency-Key": "one-guess" };
  const first = await acme.ask("POST", `${WRONG}/redeem`, 404, { email }, headers);
  await acme.race(55, (client) => client.send("POST", `${WRONG}/redeem`, { email }));
  expect(await acme.ask("POST", `${WRONG}/redeem`, 404, { email }, headers)).toEqual(first);
});

test("a cookie authorizes a payment from the same site, and not from another site", async () => {
  const { wallet } = await wallets.person();
  const pay = async (headers: Readonly<Record<string, string>>) => {
    const response = await fetch(`${house.server.url}/v1/wallet/transfers`, {
      method: "POST",
      headers: { Cookie: `daybook_session=${person.token}`, "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ to_wallet_id: wallet, amount: 1 }),
    });
    return response.status;
  };
  const own = house.server.url;
  const good: Readonly<Record<string, string>>[] = [
    {},
    { Origin: own },
    { "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "none" },
    { "Sec-Fetch-Site": "same-origin", Origin: own },
  ];
  for (const headers of good) expect(await pay(headers), JSON.stringify(headers)).toBe(201);
  const bad: Readonly<Record<string, string>>[] = [
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { Origin: own.replace(/\d+$/, "1") },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "cross-site", Origin: own },
    { "Sec-Fetch-Site": "same-site", Origin: own },
  ];
  for (const headers of bad) expect(await pay(headers), JSON.stringify(headers)).toBe(403);
  const out = await fetch(`${own}/v1/wallet/logout`, {
    method: "POST",
    headers: { Cookie: `daybook_session=${person.token}` },
  });
  expect(out.status).toBe(200);
});

test("concurrent successful logins are not rate limited", async () => {
  const { email, password } = await wallets.person();
  const logins = await acme.race(14, (client) =>
    client.send("POST", "/v1/wallet/login", { email, password }),
  );
  expect(logins).toEqual(new Map([[200, 14]]));
});
