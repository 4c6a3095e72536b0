/** One flipped bit in the archive, below the trim of the log: what still works, what is reported, and the repair. */
import { closeSync, cpSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { daybookJson } from "../cli/cli.ts";
import { Client, codeOf, makePartner, operator, type ServerProcess, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { SnapshotPlace, takeSnapshots } from "./snapshots.ts";

const MARK = "FLIP-ME-IN-THE-ARCHIVE";
const BODY = { debit_account: "@issuance", credit_account: "a", amount: 5, memo: MARK };
const KEY = { "Idempotency-Key": "damaged-archive-1" };
const ISSUE = { debit_account: "@issuance", credit_account: "b", amount: 1 };

/** Two accounts; the records that moved `a` are trimmed from the log. */
async function trimmedServer(
  place: SnapshotPlace,
): Promise<Readonly<{ server: ServerProcess; key: string; id: string }>> {
  const server = await place.serve();
  const admin = operator(server);
  const key = await makePartner(admin);
  const acme = new Client(server.url, key);
  for (const id of ["a", "b"])
    expect((await acme.send("POST", "/v1/accounts", { id, asset: "USD/2" })).status).toBe(201);
  const first = await acme.send("POST", "/v1/transfers", BODY, KEY);
  expect(first.status).toBe(201);
  const { id } = JSON.parse(first.text) as { id: string };
  const made = (await place.last(0)).seq;
  for (let i = 0; i < 3; i++) {
    for (let k = 0; k < 20; k++) await acme.send("POST", "/v1/transfers", ISSUE);
    await takeSnapshots(server);
  }
  await until("the log is trimmed", async () => ((await place.trimmedUpTo(0))?.seq ?? 0) > made, 60_000);
  admin.close();
  acme.close();
  return { server, key, id };
}

async function stop(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  expect((await server.exited).code).toBe(0);
}

function flipBit(dataDir: string): void {
  const path = join(dataDir, "archive", "archive.sqlite");
  const bytes = readFileSync(path);
  const file = openSync(path, "r+");
  let flipped = 0;
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    writeSync(file, Buffer.from("G"), 0, 1, at);
    flipped += 1;
  }
  closeSync(file);
  expect(flipped).toBeGreaterThan(0);
}

test("reads that need the batch are refused with its position, all others work, and it can be restored", async () => {
  const place = await SnapshotPlace.make("sqlite", { SHARDS: "1" });
  const { server, key, id } = await trimmedServer(place);
  await stop(server);
  const archive = join(place.dataDir, "archive");
  const backup = join(place.dataDir, "backup");
  cpSync(archive, backup, { recursive: true });
  flipBit(place.dataDir);
  const refused = { code: "archive_damaged", detail: expect.stringMatching(/0:\d+-\d+/) as string };
  // Once with the old index, and once with an index that is rebuilt around the damage.
  for (const index of ["kept", "removed"]) {
    if (index === "removed") rmSync(join(archive, "index"), { recursive: true });
    const damaged = await testServer(place.settings);
    const acme = new Client(damaged.url, key);
    const retry = await acme.send("POST", "/v1/transfers", BODY, KEY);
    expect([retry.status, JSON.parse(retry.text)]).toEqual([503, expect.objectContaining(refused)]);
    const statement = await acme.send("GET", "/v1/accounts/a/entries");
    expect([statement.status, JSON.parse(statement.text)]).toEqual([503, expect.objectContaining(refused)]);
    expect(codeOf(await acme.send("GET", `/v1/transfers/${id}`))).toBe("archive_damaged");
    // It was not executed again, and all others are served.
    expect(await acme.get("/v1/accounts/a")).toMatchObject({ posted: 5 });
    expect((await acme.send("GET", "/v1/accounts/b/entries")).status).toBe(200);
    expect(await acme.get("/v1/accounts/b/reconciliation")).toMatchObject({ reconciled: true });
    expect((await acme.send("POST", "/v1/transfers", ISSUE)).status).toBe(201);
    await until("a warning names it", async () => {
      const { status, text } = await acme.send("GET", "/readyz");
      expect(status).toBe(200);
      return /the archive is damaged at 0:\d+-\d+/.test(
        (JSON.parse(text) as { warnings: string[] }).warnings.join(),
      );
    });
    expect((await acme.send("GET", "/metrics")).text).toContain("daybook_archive_damaged_batches 1\n");
    acme.close();
    await stop(damaged);
  }
  const env = { DATA_DIR: place.dataDir };
  const repaired = await daybookJson<{ mended: string[] }>(["archive", "repair", "--from", backup], env);
  expect(repaired.mended).toEqual([expect.stringMatching(/^0:\d+-\d+$/)]);
  expect(await daybookJson(["archive", "verify"], env)).toMatchObject({ ok: true, damaged: [] });
  const whole = await testServer(place.settings);
  const acme = new Client(whole.url, key);
  const retry = await acme.send("POST", "/v1/transfers", BODY, KEY);
  expect([retry.status, JSON.parse(retry.text)]).toEqual([201, expect.objectContaining({ id })]);
  expect(await acme.get("/v1/accounts/a/entries")).toMatchObject({ data: [{ amount: 5, memo: MARK }] });
  expect(await acme.get("/readyz")).toMatchObject({ warnings: [] });
  acme.close();
}, 180_000);
