/** The wallet's own samples, sent to the old addresses with a cookie jar, and with curl's. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { testFolder } from "../../support/server.ts";
import type { Caller } from "../programmes/test-server.ts";
import { type OldAnswer, OldClient, oldUrlOf, PYTHON, startOldServer } from "./old-client.ts";

const curl = promisify(execFile);
const JSON_TYPE = { "Content-Type": "application/json" };
const PAY = "/api/external_to_wallet";
const PASSWORD = "Pa$$w0rd";

function operationOf({ text }: OldAnswer): number {
  return (JSON.parse(text) as { operation_id: number }).operation_id;
}

/** The text of a 403. */
async function refused(caller: OldClient, path: string, body: string): Promise<string> {
  const [status, answer] = await caller.ask("POST", path, body);
  expect(status, body).toBe(403);
  return (answer as { error: string }).error;
}

// A cookie of an https site must not reach this port, which has no TLS.
const house = startOldServer({ PUBLIC_URL: "https://books.example.com" });
const session = () => new OldClient(() => oldUrlOf(house), { ...PYTHON, ...JSON_TYPE });
let bankKey: string;
let bank: OldClient;
let people = 0;
let operator: Caller;

beforeAll(async () => {
  await house.partner("acme");
  operator = house.caller("operator-key-for-tests-0123456789abcdef");
  const made = await operator.post("/v1/partners/house/keys", 201, { role: "bank", name: "north" });
  bankKey = String(made["api_key"]);
  bank = session();
  await bank.send("POST", "/api/login", { email: "bank@localhost.ru", password: bankKey });
});

/** A user who is logged in, with a balance. */
async function person(amount = "0.0"): Promise<{ client: OldClient; wallet: number; email: string }> {
  people += 1;
  const client = session();
  const email = `test${people}@localhost.ru`;
  const { wallet_id } = await client.json("POST", "/api/signup", {
    name: `test${people}`,
    email,
    password: PASSWORD,
  });
  const wallet = Number(wallet_id);
  if (amount !== "0.0")
    await bank.send("POST", "/api/external_to_wallet", `{"wallet_id":${wallet},"amount":${amount}}`);
  return { client, wallet, email };
}

test("the samples of the README: sign-up, login, deposit, transfer, wallet", async () => {
  const anna = session();
  const names = { name: "anna", email: "anna@localhost.ru" };
  const [status, signedUp] = await anna.ask("POST", "/api/signup", { ...names, password: PASSWORD });
  expect(status).toBe(200);
  const { wallet_id: wallet } = signedUp as { wallet_id: number };
  expect(signedUp).toEqual({ ...names, user_id: wallet, wallet_id: wallet });
  expect(Number.isSafeInteger(wallet)).toBe(true);
  // Signed up is logged in.
  const empty = await anna.send("GET", "/api/wallet");
  expect(empty.text).toBe(`{"wallet_id":${wallet},"user_id":${wallet},"balance":0.0,"operations":[]}`);
  const ben = await person();
  const params = `{"wallet_id": ${wallet}, "amount": 115.6, "details": "Перевод из Тинькофф"}`;
  const paid = await bank.send("POST", "/api/external_to_wallet", params);
  expect(paid.status).toBe(200);
  expect(paid.text).toMatch(
    new RegExp(`^\\{"status":"OK","operation_id":\\d+,"wallet_id":${wallet},"balance":115\\.6\\}$`),
  );
  const sent = await anna.send(
    "POST",
    "/api/wallet_to_wallet",
    `{"wallet_id": ${ben.wallet}, "amount": 11.1}`,
  );
  expect(sent.text).toMatch(/"status":"OK".*"balance":104\.5\}$/);
  const time = expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  expect(await anna.json("GET", "/api/wallet")).toEqual({
    wallet_id: wallet,
    user_id: wallet,
    balance: 104.5,
    operations: [
      {
        operation_id: operationOf(paid),
        wallet_id: wallet,
        amount: 115.6,
        details: "Перевод из Тинькофф",
        timestamp: time,
        debet: false,
        opertype: "external_in",
        contragent_id: 0,
      },
      {
        operation_id: operationOf(sent),
        wallet_id: wallet,
        amount: 11.1,
        details: `отправлено 11.1 на кошелек ${ben.wallet}`,
        timestamp: time,
        debet: true,
        opertype: "w2w_onestep",
        contragent_id: wallet === ben.wallet ? 0 : ben.wallet,
      },
    ],
  });
  const ofBen = await ben.client.json("GET", "/api/wallet");
  expect(ofBen).toMatchObject({
    balance: 11.1,
    operations: [{ debet: false, opertype: "w2w_onestep", contragent_id: wallet, amount: 11.1 }],
  });
  const [operation] = ofBen["operations"] as readonly { operation_id: number }[];
  expect(operation?.operation_id).not.toBe(operationOf(sent));
});

test("login with another jar, and again while logged in; a wrong password is 401", async () => {
  const { email } = await person();
  const client = session();
  expect(await client.statusOf("POST", "/api/login", { email, password: "wrong password" })).toBe(401);
  const { name } = await client.json("POST", "/api/login", { email, password: PASSWORD });
  expect(await client.ask("POST", "/api/login", { email: "x", password: "y" })).toEqual([
    200,
    { name, email },
  ]);
  expect(await client.statusOf("GET", "/api/wallet")).toBe(200);
});

test("sign-up with a missing field or a known e-mail is 400", async () => {
  const { email } = await person();
  const body = { name: "n", email, password: PASSWORD };
  expect(await session().statusOf("POST", "/api/signup", body)).toBe(400);
  for (const missing of ["name", "email", "password"])
    expect(await session().statusOf("POST", "/api/signup", { ...body, [missing]: undefined })).toBe(400);
});

test("without a session every address leads to /login, and /logout ends the session", async () => {
  const stranger = session();
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/logout"],
    ["GET", "/api/wallet"],
    ["POST", "/api/external_to_wallet"],
    ["POST", "/api/wallet_to_wallet"],
  ] as const) {
    const { status, headers } = await stranger.send(method, path, method === "POST" ? {} : undefined);
    expect([path, status, headers["location"]]).toEqual([path, 302, "/login"]);
  }
  const { client } = await person();
  expect(await client.statusOf("GET", "/")).toBe(200);
  expect((await client.send("GET", "/login")).headers["location"]).toBe("/");
  expect((await client.send("GET", "/logout")).headers["location"]).toBe("/login");
  expect(await client.statusOf("GET", "/api/wallet")).toBe(302);
});

test("the forms of /signup and /login", async () => {
  const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
  const client = new OldClient(() => oldUrlOf(house), PYTHON);
  expect((await client.send("GET", "/signup")).text).toContain('<form method="post" action="/signup">');
  const fields = "email=form%40localhost.ru&password=Pa%24%24w0rd";
  const made = await client.send("POST", "/signup", `name=form&${fields}`, FORM);
  expect([made.status, made.headers["location"]]).toEqual([302, "/"]);
  expect(await client.statusOf("GET", "/api/wallet")).toBe(200);
  const other = new OldClient(() => oldUrlOf(house), PYTHON);
  expect((await other.send("POST", "/login", `${fields}x`, FORM)).headers["location"]).toBe("/login");
  expect((await other.send("POST", "/login", fields, FORM)).headers["location"]).toBe("/");
  expect(await other.statusOf("GET", "/api/wallet")).toBe(200);
});

test("refusals are 403 with their old texts", async () => {
  const { client, wallet } = await person("10.0");
  const other = await person();
  const send = (body: string) => refused(client, "/api/wallet_to_wallet", body);
  expect(await refused(client, PAY, `{"wallet_id":${wallet},"amount":1.0}`)).toBe(
    "access denied, only bank account",
  );
  expect(await refused(bank, PAY, `{"wallet_id":${wallet}}`)).toBe("amount not exists");
  expect(await refused(bank, PAY, `{"wallet_id":${wallet},"amount":"10.0"}`)).toBe("amount not Float");
  expect(await refused(bank, PAY, `{"wallet_id":${wallet},"amount":true}`)).toBe("amount not Float");
  expect(await refused(bank, PAY, `{"wallet_id":${wallet},"amount":-1.5}`)).toBe("amount not positive");
  expect(await refused(bank, PAY, '{"wallet_id":999999,"amount":1.0}')).toBe("wallet not exists");
  expect(await send(`{"wallet_id":${other.wallet},"amount":0.0}`)).toBe("amount not positive");
  expect(await send('{"wallet_id":999999,"amount":1.0}')).toBe("receiver wallet not exists");
  expect(await send(`{"wallet_id":${wallet},"amount":1.0}`)).toBe("sender wallet is receiver wallet");
  expect(await send(`{"wallet_id":${other.wallet},"amount":10.01}`)).toBe("amount > balance on wallet");
  expect(await bank.ask("GET", "/api/wallet")).toEqual([403, { error: "wallet not exists for account" }]);
  expect(await client.json("GET", "/api/wallet")).toMatchObject({ balance: 10 });
});

test("decimals become minor units exactly, or are refused", async () => {
  const { client, wallet } = await person();
  const pay = (amount: string) =>
    bank.send("POST", "/api/external_to_wallet", `{"wallet_id":${wallet},"amount":${amount}}`);
  const balance = async () => /"balance":([\d.]+)/.exec((await client.send("GET", "/api/wallet")).text)?.[1];
  await pay("0.1");
  await pay("0.2");
  expect(await balance()).toBe("0.3");
  await pay("1e1");
  expect(await balance()).toBe("10.3");
  // The old system took only floats; a whole number means whole units as well.
  await pay("10");
  expect(await balance()).toBe("20.3");
  // A double has no room for these cents.
  await pay("40000000000000.01");
  expect(await balance()).toBe("40000000000020.31");
  for (const amount of ["0.001", "10.005", "1e-3", "1e300", "90071992547409.93"])
    expect((await pay(amount)).status, amount).toBe(403);
  for (const amount of ["NaN", "0x10", "01.0", "1."]) expect((await pay(amount)).status, amount).toBe(400);
  expect(await balance()).toBe("40000000000020.31");
});

test("a bank logs in with its key, loses the session when the key is revoked, and logs out", async () => {
  const made = await operator.post("/v1/partners/house/keys", 201, { role: "bank", name: "south" });
  const south = session();
  const password = String(made["api_key"]);
  const login = { email: "bank@localhost.ru", password };
  expect(await south.ask("POST", "/api/login", login)).toEqual([200, { name: "south", email: login.email }]);
  const { wallet } = await person();
  const body = `{"wallet_id":${wallet},"amount":1.0}`;
  expect(await south.statusOf("POST", "/api/external_to_wallet", body)).toBe(200);
  await south.send("GET", "/logout");
  expect(await south.statusOf("POST", "/api/external_to_wallet", body)).toBe(302);
  await south.send("POST", "/api/login", login);
  expect(await south.statusOf("POST", "/api/external_to_wallet", body)).toBe(200);
  await operator.ask("DELETE", `/v1/partners/house/keys/${String(made["id"])}`, 204);
  expect(await south.statusOf("POST", "/api/external_to_wallet", body)).toBe(302);
  expect(await session().statusOf("POST", "/api/login", login)).toBe(401);
});

test("curl keeps the session with -c and -b", async () => {
  const jar = join(testFolder(), "jar");
  const run = async (...args: readonly string[]) => {
    const { stdout } = await curl("curl", ["-sS", "-c", jar, "-b", jar, ...args]);
    return stdout;
  };
  const url = oldUrlOf(house);
  const body = JSON.stringify({ name: "curl", email: "curl@localhost.ru", password: PASSWORD });
  const made = await run("-H", "Content-Type: application/json", "-d", body, `${url}/api/signup`);
  expect(JSON.parse(made)).toMatchObject({ name: "curl" });
  expect(JSON.parse(await run(`${url}/api/wallet`))).toMatchObject({ balance: 0, operations: [] });
  expect(await run("-o", "/dev/null", "-w", "%{http_code}", `${url}/logout`)).toBe("302");
  expect(await run("-o", "/dev/null", "-w", "%{http_code}", `${url}/api/wallet`)).toBe("302");
});

test("parallel deposits and transfers lose nothing", async () => {
  const [anna, ben] = [await person("100.0"), await person()];
  const sends = Array.from({ length: 60 }, () =>
    anna.client.statusOf("POST", "/api/wallet_to_wallet", `{"wallet_id":${ben.wallet},"amount":2.5}`),
  );
  const pays = Array.from({ length: 20 }, () =>
    bank.statusOf("POST", "/api/external_to_wallet", `{"wallet_id":${ben.wallet},"amount":0.1}`),
  );
  const [sent, paid] = [await Promise.all(sends), await Promise.all(pays)];
  expect(paid.every((status) => status === 200)).toBe(true);
  expect(sent.filter((status) => status === 200)).toHaveLength(40);
  expect(sent.filter((status) => status === 403)).toHaveLength(20);
  expect(await anna.client.json("GET", "/api/wallet")).toMatchObject({ balance: 0 });
  expect(await ben.client.json("GET", "/api/wallet")).toMatchObject({ balance: 102 });
});

test("parallel sign-ups get different numbers, which a restart keeps", async () => {
  const made = await Promise.all(Array.from({ length: 12 }, () => person()));
  expect(new Set(made.map(({ wallet }) => wallet)).size).toBe(12);
  await house.restart();
  const bankAgain = session();
  await bankAgain.send("POST", "/api/login", { email: "bank@localhost.ru", password: bankKey });
  const [first] = made;
  const body = `{"wallet_id":${first?.wallet},"amount":7.25}`;
  expect(await bankAgain.json("POST", "/api/external_to_wallet", body)).toMatchObject({ balance: 7.25 });
  // The users' sessions are in the log.
  expect(await first?.client.json("GET", "/api/wallet")).toMatchObject({
    wallet_id: first?.wallet,
    balance: 7.25,
  });
});
