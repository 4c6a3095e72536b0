/** E-mails, passwords, phones and codes are normalized by one rule each, on every route. */
import { beforeAll, expect, test } from "vitest";
import { openShop } from "../programmes/shop.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
let acme: Caller;
let stranger: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  stranger = house.caller("nobody");
  await acme.ask("PUT", "/v1/offers/sale", 200, { discount: 10 });
});

const PASSWORD = "long enough";

function signUp(email: string, status: number, password = PASSWORD): Promise<Json> {
  return stranger.post("/v1/wallet/signup", status, { name: "Ann", email, password });
}

function logIn(email: string, status: number, password = PASSWORD): Promise<Json> {
  return stranger.post("/v1/wallet/login", status, { email, password });
}

const BAD = [
  "a\u0000b@example.com",
  "a\u200bb@example.com",
  "ab@exam\u200dple.com",
  "a\u202eb@example.com",
  "a b@example.com",
  "a@@example.com",
  "a@.example.com",
  "a@example..com",
  "@example.com",
  "a@",
  `${"x".repeat(65)}@example.com`,
  `a@${"x".repeat(254)}`,
];

test("an invalid e-mail is refused for a customer, a sign-up, a login, a list and a batch", async () => {
  for (const email of BAD) {
    expect(await acme.post("/v1/customers", 400, { email }), email).toMatchObject({
      code: "validation_failed",
    });
    expect(await signUp(email, 400), email).toMatchObject({ code: "validation_failed" });
    await logIn(email, 400);
    const encoded = encodeURIComponent(email);
    await acme.ask("GET", `/v1/customers/${encoded}`, 400);
    await acme.ask("GET", `/v1/vouchers?email=${encoded}`, 400);
    const batch = { offer_name: "sale", expires_at: "2099-01-01T00:00:00Z", emails: [email] };
    await acme.post("/v1/voucher-batches", 400, batch);
  }
});

const SPELLINGS = [
  "zoë@example.com",
  " ZOË@Example.COM ",
  "zoe\u0308@example.com",
  "ZOE\u0308@EXAMPLE.com\n",
];

test("e-mails ignore case, surrounding blanks and Unicode composition", async () => {
  await acme.post("/v1/customers", 201, { email: SPELLINGS[3] });
  expect(await signUp(SPELLINGS[2] as string, 201)).toMatchObject({ email: SPELLINGS[0] });
  for (const email of SPELLINGS) {
    expect(await acme.post("/v1/customers", 409, { email })).toMatchObject({ code: "customer_exists" });
    expect(await signUp(email, 409)).toMatchObject({ code: "email_taken" });
    expect(await logIn(email, 200)).toMatchObject({ email: SPELLINGS[0] });
    const encoded = encodeURIComponent(email);
    expect(await acme.get(`/v1/customers/${encoded}`)).toMatchObject({ email: SPELLINGS[0] });
    expect(await acme.get(`/v1/vouchers?email=${encoded}`)).toMatchObject({ data: [] });
  }
  const batch = { offer_name: "sale", expires_at: "2099-01-01T00:00:00Z", emails: SPELLINGS };
  expect(await acme.post("/v1/voucher-batches", 202, batch)).toMatchObject({ requested: 1 });
});

test("passwords ignore Unicode composition, also when they are changed", async () => {
  const [composed, decomposed] = ["pässwörd é", "pa\u0308sswo\u0308rd e\u0301"];
  const { token } = await signUp("pass@example.com", 201, decomposed);
  await logIn("pass@example.com", 200, composed);
  await logIn("pass@example.com", 200, decomposed);
  await logIn("pass@example.com", 401, "passwörd é");
  const change = { password: composed, new_password: "ñew password" };
  await house.caller(String(token)).post("/v1/wallet/password", 200, change);
  expect(await logIn("pass@example.com", 200, "n\u0303ew password")).toMatchObject({
    email: "pass@example.com",
  });
});

test("phones may contain blanks, hyphens, and Persian or Arabic digits", async () => {
  const shop = await openShop(house, acme, "kiosk", 1_000);
  const spellings = [
    "0912 123-4567",
    "۰۹۱۲۱۲۳۴۵۶۷",
    "٠٩١٢ ١٢٣ ٤٥٦٧",
    "+98 912–123 45 67",
    "0098-912-1234567",
  ];
  for (const phone of spellings)
    expect(await shop.caller.post("/v1/topups", 201, { phone, amount: 1 }), phone).toMatchObject({
      phone: "+989121234567",
    });
  for (const phone of spellings) {
    const encoded = encodeURIComponent(phone);
    expect(await acme.get(`/v1/phones/${encoded}`), phone).toMatchObject({ topups: spellings.length });
    expect((await acme.get(`/v1/topups?phone=${encoded}`))["data"], phone).toHaveLength(spellings.length);
  }
  for (const phone of ["0912123456", "O9121234567", "0912.123.4567", "--", ""])
    await shop.caller.post("/v1/topups", 400, { phone, amount: 1 });
});

test("voucher codes may contain blanks, hyphens, lower case, and Persian or Arabic digits", async () => {
  const email = "codes@example.com";
  await acme.post("/v1/customers", 201, { email });
  const issued = await acme.post("/v1/vouchers", 201, {
    email,
    offer_name: "sale",
    expires_at: "2099-01-01T00:00:00Z",
  });
  const code = String(issued["code"]);
  const grouped = `${code.slice(0, 4)}-${code.slice(4, 9)} ${code.slice(9)}`;
  const persian = code.replaceAll(/\d/g, (digit) => String.fromCharCode(0x06f0 + Number(digit)));
  const arabic = code.replaceAll(/\d/g, (digit) => String.fromCharCode(0x0660 + Number(digit)));
  for (const typed of [grouped, grouped.toLowerCase(), persian, ` ${arabic} `]) {
    const path = `/v1/vouchers/${encodeURIComponent(typed)}`;
    expect(await acme.post(`${path}/redeem`, 200, { email }), typed).toMatchObject({ code });
    await acme.post(`${path}/rollback`, 200, { email });
  }
});
