/** What an attacker can do with stolen files, a signing secret or a signed address. */
import { createHmac } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openerOf } from "../../src/sealed-secrets.ts";
import { Caller } from "../integration/programmes/test-server.ts";
import {
  makePartner,
  OPERATOR_KEY,
  operator,
  type ServerProcess,
  type Settings,
  testFolder,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const MONTH = { year: 2026, month: 11 };
const SEALED = /sealed:1:[0-9a-f]{8}:[\w-]+/;

async function statusOf(server: ServerProcess, path: string): Promise<number> {
  const answer = await fetch(`${server.url}${path}`);
  await answer.body?.cancel();
  return answer.status;
}

async function reportOf(caller: Caller): Promise<string> {
  return new URL(String((await caller.post("/v1/segment-reports", 201, MONTH))["url"])).pathname;
}

async function callerOf(server: ServerProcess, partner: string): Promise<Caller> {
  const admin = operator(server);
  const key = await makePartner(admin, partner);
  admin.close();
  return new Caller(server.url, key);
}

async function stopped(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  await server.exited;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** The contents of all files of a server that has stopped. */
function bytesOf(folder: string): string {
  return filesIn(folder)
    .map((file) => readFileSync(file, "latin1"))
    .join("");
}

function settingsIn(folder: string): Settings {
  return { DATA_DIR: folder, SHARDS: "2" };
}

test.each(["threads", "processes"])(
  "other users cannot read the files, and the files contain no secret (%s)",
  async (isolation) => {
    const folder = join(testFolder(), "data");
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, "of-an-older-version"), "", { mode: 0o644 });
    chmodSync(folder, 0o755);
    const server = await testServer({ ...settingsIn(folder), ISOLATION: isolation });
    const acme = await callerOf(server, "acme");
    const path = await reportOf(acme);
    expect(await statusOf(server, path)).toBe(200);
    acme.client.close();
    await stopped(server);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const open = filesIn(folder).filter((file) => (statSync(file).mode & 0o077) !== 0);
    expect(open).toEqual([]);
    const key = readFileSync(join(folder, "secret-key"), "utf8").trim();
    expect(key).toMatch(/^[\w-]{43}$/);
    const sealed = SEALED.exec(bytesOf(folder))?.[0] ?? "";
    const secret = openerOf(key)(sealed, "reports of segments of acme");
    expect(secret).toHaveLength(32);
    const hex = Buffer.from(secret ?? []).toString("hex");
    const [, payload, signature] = /\/([\w-]+)\.([\w-]+)$/.exec(path) ?? [];
    const signed = createHmac("sha256", Buffer.from(hex, "hex")).update(String(payload)).digest("base64url");
    expect(signed).toBe(signature);
    expect(bytesOf(folder).includes(hex)).toBe(false);
    // A secret sealed for another partner, or with another key, cannot be opened.
    expect(openerOf(key)(sealed, "reports of segments of other")).toBeUndefined();
    expect(openerOf(`${key}.`)(sealed, "reports of segments of acme")).toBeUndefined();
  },
);

test("an attacker with the signing secret can sign nothing that outlives it or is valid for more than a day", async () => {
  const folder = testFolder();
  const server = await testServer(settingsIn(folder));
  const acme = await callerOf(server, "acme");
  const path = await reportOf(acme);
  const [, payload = ""] = /\/([\w-]+)\.[\w-]+$/.exec(path) ?? [];
  const key = readFileSync(join(folder, "secret-key"), "utf8").trim();
  const open = openerOf(key);
  const sealed = await until("the record is in a file", () => SEALED.test(bytesOf(folder))).then(
    () => SEALED.exec(bytesOf(folder))?.[0] ?? "",
  );
  const secret = open(sealed, "reports of segments of acme") ?? new Uint8Array();
  const plan = JSON.parse(Buffer.from(payload, "base64url").toString()) as [...unknown[], number, string];
  const forged = (expiresAtMs: number) => {
    const text = Buffer.from(JSON.stringify(plan.with(6, expiresAtMs))).toString("base64url");
    return `/segment-reports/${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const day = 24 * 3600 * 1000;
  expect(await statusOf(server, forged(Date.now() + day - 60_000))).toBe(200);
  expect(await statusOf(server, forged(Date.now() + day + 60_000))).toBe(404);
  expect(await statusOf(server, forged(8_000_000_000_000_000))).toBe(404);
  expect(await statusOf(server, forged(Date.now() - 60_000))).toBe(410);
  const other = await callerOf(server, "other");
  await other.refused("POST", "/v1/partners/acme/report-secret/rotate", 404, "partner_not_found");
  expect(await statusOf(server, path)).toBe(200);
  const once = { "Idempotency-Key": "once" };
  const rotate = (caller: Caller) =>
    caller.ask("POST", "/v1/partners/acme/report-secret/rotate", 200, undefined, once);
  const rotated = await rotate(acme);
  expect(rotated).toMatchObject({ partner: "acme" });
  for (const ended of [path, forged(Date.now() + 60_000)]) expect(await statusOf(server, ended)).toBe(404);
  const next = await reportOf(acme);
  expect(await rotate(acme)).toEqual(rotated);
  expect(await statusOf(server, next)).toBe(200);
  const admin = new Caller(server.url, OPERATOR_KEY);
  await admin.post("/v1/partners/acme/report-secret/rotate", 200);
  expect(await statusOf(server, next)).toBe(404);
  for (const { client } of [acme, other, admin]) client.close();
});

test.each(["1", "2"])(
  "a signed address is refused once the API key that requested it is revoked, at each of %s gateways",
  async (gateways) => {
    const server = await testServer({ ...settingsIn(testFolder()), GATEWAYS: gateways });
    const acme = await callerOf(server, "acme");
    const made = await acme.post("/v1/partners/acme/keys", 201, { role: "partner", name: "leaked" });
    const leaked = new Caller(server.url, String(made["api_key"]));
    const [own, others] = [await reportOf(acme), await reportOf(leaked)];
    for (const path of [own, others]) expect(await statusOf(server, path)).toBe(200);
    await acme.ask("DELETE", `/v1/partners/acme/keys/${String(made["id"])}`, 204);
    for (let i = 0; i < 8; i++) expect(await statusOf(server, others)).toBe(404);
    expect(await statusOf(server, own)).toBe(200);
    acme.client.close();
    leaked.client.close();
  },
);

test("without the key that sealed the secrets, the start reports it in one line, and new reports work", async () => {
  const folder = testFolder();
  const first = await testServer(settingsIn(folder));
  const acme = await callerOf(first, "acme");
  const before = await reportOf(acme);
  acme.client.close();
  await stopped(first);
  expect(first.stdout).not.toContain("secrets in the log");
  rmSync(join(folder, "secret-key"));
  const second = await testServer(settingsIn(folder));
  const said = () => second.stdout.split("\n").filter((line) => line.includes("secrets in the log"));
  await until("the line is out", () => said().length > 0);
  expect(said()).toHaveLength(1);
  expect(said()[0]).toContain(
    "SECRET_KEY is not the one that the report secrets of 1 of 1 partners (acme, …)",
  );
  expect(await statusOf(second, before)).toBe(404);
  const admin = new Caller(second.url, OPERATOR_KEY);
  const key = await admin.post("/v1/partners/acme/keys", 201, { role: "partner", name: "second" });
  const afterRestart = new Caller(second.url, String(key["api_key"]));
  const [one, two] = await Promise.all([reportOf(afterRestart), reportOf(afterRestart)]);
  for (const path of [one, two, await reportOf(afterRestart)]) expect(await statusOf(second, path)).toBe(200);
  afterRestart.client.close();
  admin.client.close();
  await stopped(second);
  // The key from the environment takes precedence over the file.
  const third = await testServer({ ...settingsIn(folder), SECRET_KEY: "another-key-0123456789-0123456789" });
  await until("the line is out", () => third.stdout.includes("secrets in the log"));
});
