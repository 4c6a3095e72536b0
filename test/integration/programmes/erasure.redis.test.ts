/** Erasure of customers: what no file contains, on both logs, and what a start makes of a copy of the keys. */
import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { daybook } from "../../cli/cli.ts";
import { refusedStart, type Settings, testFolder, testRedis } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, TestServer } from "./test-server.ts";

const ANN = { email: "anneliese@example.com", name: "Anneliese Oberhuber" };
const BOB = { email: "bartholomew@example.com", name: "Bartholomew Quist" };
const EXPIRES = "2090-01-01T00:00:00.000Z";

/** Opens a server that is closed when the test ends. */
async function openServer(settings: Settings): Promise<TestServer> {
  const house = new TestServer(settings);
  await house.open();
  return house;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** The files that contain one of these. */
function filesWith(folders: readonly string[], needles: readonly (string | Uint8Array)[]): readonly string[] {
  return folders
    .flatMap(filesIn)
    .filter((file) => needles.some((needle) => readFileSync(file).includes(needle)));
}

function keysIn(dataDir: string): readonly Uint8Array[] {
  const database = new DatabaseSync(join(dataDir, "persons.sqlite"), { readOnly: true });
  const rows = database.prepare("SELECT key FROM persons ORDER BY id").all();
  database.close();
  return rows.map(({ key }) => key as Uint8Array);
}

async function voucherEvents(acme: Caller): Promise<readonly Json[]> {
  const { data } = await acme.get("/v1/events?limit=500");
  return (data as Json[])
    .filter(({ type }) => String(type).startsWith("voucher."))
    .map((each) => each["data"] as Json);
}

/** Customers with used, open and batch vouchers. @returns the codes of Ann's vouchers, and the id of a batch */
async function useVouchers(acme: Caller): Promise<Readonly<{ codes: readonly string[]; batch: string }>> {
  const headers = { "Idempotency-Key": "create-ann" };
  await acme.ask("POST", "/v1/customers", 201, ANN, headers);
  await acme.post("/v1/customers", 201, BOB);
  await acme.refused("POST", "/v1/customers", 409, "customer_exists", { ...ANN, name: "Anneliese Again" });
  const codes: string[] = [];
  for (const { email } of [ANN, ANN, BOB]) {
    const issued = await acme.post("/v1/vouchers", 201, {
      email,
      offer_name: "o",
      discount: 10,
      expires_at: EXPIRES,
    });
    expect(issued["email"]).toBe(email);
    codes.push(String(issued["code"]));
  }
  await acme.post(`/v1/vouchers/${codes[0]}/redeem`, 200, { email: ANN.email });
  await acme.post(`/v1/vouchers/${codes[0]}/rollback`, 200, { email: ANN.email });
  const cancelled = await acme.post(`/v1/vouchers/${codes[1]}/cancel`, 200);
  expect(cancelled["email"]).toBe(ANN.email);
  const batch = await acme.post("/v1/voucher-batches", 202, {
    offer_name: "o",
    expires_at: EXPIRES,
    emails: [ANN.email, BOB.email],
  });
  await until(
    "the batch is done",
    async () => (await acme.get(`/v1/voucher-batches/${String(batch["id"])}`))["issued"] === 2,
  );
  const unknown = { offer_name: "o", expires_at: EXPIRES, emails: [BOB.email, "nobody.known@example.com"] };
  const refused = await acme.ask("POST", "/v1/voucher-batches", 404, unknown, {
    "Idempotency-Key": "unknown",
  });
  expect(refused["detail"]).toContain("nobody.known@example.com");
  const again = await acme.ask("POST", "/v1/voucher-batches", 404, unknown, { "Idempotency-Key": "unknown" });
  expect(again).toEqual(refused);
  return { codes: codes.slice(0, 2), batch: String(batch["id"]) };
}

async function expectErased(
  acme: Caller,
  { codes, batch }: Awaited<ReturnType<typeof useVouchers>>,
): Promise<void> {
  await acme.refused("GET", `/v1/customers/${ANN.email}`, 404, "customer_not_found");
  await acme.refused("GET", `/v1/vouchers?email=${ANN.email}`, 404, "customer_not_found");
  const redeemed = acme.refused("POST", `/v1/vouchers/${codes[0]}/redeem`, 404, "voucher_not_found", {
    email: ANN.email,
  });
  await redeemed;
  expect((await acme.all("/v1/customers")).map(({ email }) => email)).toEqual([BOB.email]);
  const events = await voucherEvents(acme);
  expect(events.filter(({ email }) => email === null)).toHaveLength(6);
  expect(events.filter(({ email }) => email === BOB.email)).toHaveLength(2);
  expect((await acme.all(`/v1/voucher-batches/${batch}/codes`)).map(({ email }) => email)).toEqual([
    BOB.email,
  ]);
}

describe.each([
  ["threads", "sqlite"],
  ["processes", "redis"],
])("%s, %s", (isolation, log) => {
  test("nothing that is stored contains an erased customer, and what is stored stays whole", async () => {
    const redis = log === "redis" ? await testRedis() : undefined;
    const dataDir = testFolder();
    const settings = { DATA_DIR: dataDir, ISOLATION: isolation, ...(redis && { WAL_URL: redis.url }) };
    const house = await openServer({ ...settings, GATEWAYS: "2" });
    const folders = [dataDir, ...(redis ? [redis.dir] : [])];
    const key = await house.newPartner("acme");
    let acme = house.caller(key);
    const used = await useVouchers(acme);
    await house.takeSnapshots();
    expect((await voucherEvents(acme)).map(({ email }) => email)).toContain(ANN.email);
    const [annsKey] = keysIn(dataDir);
    expect(filesWith(folders, [annsKey as Uint8Array])).not.toEqual([]);
    // Never in clear, of nobody.
    const clear = [ANN.email, ANN.name, "Anneliese", BOB.email, BOB.name, "nobody.known"];
    expect(filesWith(folders, clear)).toEqual([]);
    const copy = join(testFolder(), "persons.sqlite");
    new DatabaseSync(join(dataDir, "persons.sqlite"), { readOnly: true }).prepare("VACUUM INTO ?").run(copy);

    await acme.ask("DELETE", `/v1/customers/${ANN.email}`, 204, undefined, {
      "Idempotency-Key": "erase-ann",
    });
    await expectErased(acme, used);
    expect(filesWith(folders, [annsKey as Uint8Array])).toEqual([]);

    // Also on every other gateway, and after a crash.
    await house.restart();
    acme = house.caller(key);
    await expectErased(acme, used);
    // A known key is answered first, without what is erased.
    const replay = await acme.client.send("POST", "/v1/customers", ANN, { "Idempotency-Key": "create-ann" });
    expect([replay.status, replay.headers["idempotency-replayed"]]).toEqual([201, "true"]);
    expect(JSON.parse(replay.text)).toMatchObject({ email: null, name: null });
    const erased = await acme.client.send("DELETE", `/v1/customers/${ANN.email}`, undefined, {
      "Idempotency-Key": "erase-ann",
    });
    expect([erased.status, erased.headers["idempotency-replayed"]]).toEqual([204, "true"]);
    await acme.refused("DELETE", `/v1/customers/${ANN.email}`, 404, "customer_not_found");

    // Keys from a copy that is older than the erasure are destroyed before anything is served.
    await house.server.kill();
    for (const file of ["persons.sqlite", "persons.sqlite-wal", "persons.sqlite-shm"])
      rmSync(join(dataDir, file), { force: true });
    copyFileSync(copy, join(dataDir, "persons.sqlite"));
    expect(filesWith(folders, [annsKey as Uint8Array])).not.toEqual([]);
    await house.restart();
    acme = house.caller(key);
    expect(filesWith(folders, [annsKey as Uint8Array])).toEqual([]);
    await expectErased(acme, used);

    // The same e-mail begins anew.
    await acme.post("/v1/customers", 201, { ...ANN, name: "Anni" });
    expect(await acme.get(`/v1/customers/${ANN.email}`)).toMatchObject({ ...ANN, name: "Anni" });
    expect(await acme.all(`/v1/vouchers?email=${ANN.email}&status=all`)).toEqual([]);
    expect((await voucherEvents(acme)).filter(({ email }) => email === null)).toHaveLength(6);
    const admin = await acme.get("/v1/trial-balance");
    expect(admin["balanced"]).toBe(true);
    await house.close();
  });
});

test("a server without its keys, or with old ones, refuses to start, and fences nobody", async () => {
  const redis = await testRedis();
  const dataDir = testFolder();
  const settings = { DATA_DIR: dataDir, WAL_URL: redis.url, SHARDS: "3" };
  const house = await openServer(settings);
  const key = await house.newPartner("acme");
  let acme = house.caller(key);
  await acme.post("/v1/customers", 201, ANN);
  const file = join(dataDir, "persons.sqlite");
  const copy = join(testFolder(), "persons.sqlite");
  new DatabaseSync(file, { readOnly: true }).prepare("VACUUM INTO ?").run(copy);
  await acme.post("/v1/customers", 201, BOB);

  // Another server with another DATA_DIR must not end this one.
  const { lines } = await refusedStart({ ...settings, DATA_DIR: testFolder(), PORT: "0" });
  expect(lines.join()).toContain("persons.sqlite is not the one of this log");
  expect(await acme.get(`/v1/customers/${ANN.email}`)).toMatchObject(ANN);

  await house.server.kill();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  copyFileSync(copy, file);
  const old = await refusedStart({ ...settings, PORT: "0" });
  expect(old.lines.join()).toContain("persons.sqlite is older than the log");

  const accepted = await daybook(["persons", "accept-loss", "--data-dir", dataDir]);
  expect(accepted.code).toBe(0);
  await house.restart();
  acme = house.caller(key);
  expect(await acme.get(`/v1/customers/${ANN.email}`)).toMatchObject(ANN);
  expect(await acme.get(`/v1/customers/${BOB.email}`)).toMatchObject({ email: null, name: null });
  await acme.post("/v1/customers", 201, { email: "carl@example.com" });
  // The loss is known from now on.
  await house.restart();
  await house.close();
});

test("a customer who is erased and created at the same time is there with its name, or not at all", async () => {
  const house = await openServer({ GATEWAYS: "2" });
  const acme = await house.partner("acme");
  const statuses = new Set<number>();
  for (let round = 0; round < 60; round++) {
    const path = `/v1/customers/${ANN.email}`;
    await acme.client.send("POST", "/v1/customers", ANN);
    const answers = await Promise.all([
      acme.client.send("DELETE", path),
      acme.client.send("POST", "/v1/customers", ANN),
      acme.client.send("DELETE", path),
      acme.client.send("POST", "/v1/customers", ANN),
    ]);
    for (const { status } of answers) statuses.add(status);
    const shown = await acme.client.send("GET", path);
    if (shown.status === 200) expect(JSON.parse(shown.text)).toMatchObject(ANN);
    else expect(shown.status).toBe(404);
  }
  expect([...statuses].filter((status) => ![201, 204, 404, 409].includes(status))).toEqual([]);
  await house.close();
});
