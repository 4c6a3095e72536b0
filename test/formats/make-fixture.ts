/**
 * `node test/formats/make-fixture.ts v2`: a log of all kinds of records and its snapshots, written by this version of
 * the server. To be run once when a format has changed, or has got a new kind of record; older folders stay as they are.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { OPS } from "../../src/actors/records/record-kinds.ts";
import { openLogStream, openSnapshotStore } from "../../src/wal/open.ts";
import { followLog } from "../../src/workers/recovery/follow.ts";
import { replayBatch } from "../../src/workers/recovery/replay.ts";
import { noting, type SnapshotLine, summaryOf } from "./fixture.ts";
import { actInProgrammes, type Body, type Send } from "./programme-acts.ts";

const SHARDS = 2;
const ROOT = join(import.meta.dirname, "../..");
let operatorKey = "";
const version = process.argv[2];
if (version === undefined) throw new Error("name the folder: v2");

const data = mkdtempSync(join(tmpdir(), "daybook-fixture-"));
const walUrl = `sqlite:${join(data, "wal")}`;
const settings = { PATH: process.env["PATH"], DATA_DIR: data, WAL_URL: walUrl, SHARDS: String(SHARDS) };

async function serve(): Promise<Readonly<{ child: ChildProcess; send: (token: string) => Send }>> {
  const env = { ...settings, PORT: "0", LOG_LEVEL: "warn" };
  const child = spawn(process.execPath, [join(ROOT, "src/main.ts")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let url = "";
  for await (const line of createInterface({ input: child.stdout })) {
    url ||= /serves on (http[^\s,]+)/.exec(line)?.[1] ?? "";
    operatorKey = /shown this once: (\S+)/.exec(line)?.[1] ?? operatorKey;
    if (line.startsWith("try: ")) break;
  }
  child.stdout.resume();
  const send =
    (token: string): Send =>
    async (method, path, body, key) => {
      const headers = {
        Authorization: `Bearer ${token}`,
        ...(body && { "Content-Type": "application/json" }),
        ...(key !== undefined && { "Idempotency-Key": key }),
      };
      const answer = await fetch(`${url}${path}`, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      return answer.status === 204 ? {} : ((await answer.json()) as Body);
    };
  return { child, send };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** An id on this shard, as none before. */
let ids = 0;
function idOn(shard: number): string {
  for (;;) {
    const id = `member${ids++}/points`;
    if (shardOfVnode(vnodeOfAccount("acme", id), SHARDS) === shard) return id;
  }
}

/** Partners, keys and accounts, with bounds and limits, of any status. */
async function people(operator: Send, acme: Send): Promise<void> {
  await operator("POST", "/v1/partners", { id: "zeta", name: "Zeta" });
  await operator("PATCH", "/v1/partners/zeta", { name: "Zeta & Söhne", status: "suspended" });
  const { key_id } = await operator("POST", "/v1/partners/acme/keys", { role: "read", name: "reports" });
  await operator("DELETE", `/v1/partners/acme/keys/${String(key_id)}`);
  const id = idOn(0);
  const limits = [{ window_s: 3600, direction: "debit", max_amount: 100, max_count: 3 }];
  await acme("POST", "/v1/accounts", {
    id,
    asset: "USD/2",
    floor: -50,
    ceiling: 500,
    limits,
    metadata: { tier: "gold" },
  });
  const path = `/v1/accounts/${encodeURIComponent(id)}`;
  await acme("PATCH", path, { floor: null, metadata: { tier: null, note: "naïve “text”" } });
  await acme("POST", `${path}/freeze`);
  await acme("POST", `${path}/unfreeze`);
  const closed = idOn(1);
  await acme("POST", "/v1/accounts", { id: closed, asset: "PTS/0" });
  await acme("POST", `/v1/accounts/${encodeURIComponent(closed)}/close`);
  await acme("POST", "/v1/transfers", { debit_account: "@bank:acme", credit_account: id, amount: 75 });
  await acme(
    "POST",
    "/v1/transfers",
    { debit_account: id, credit_account: "@bank:acme", amount: 60 },
    "limited-1",
  );
  await acme(
    "POST",
    "/v1/transfers",
    { debit_account: id, credit_account: "@bank:acme", amount: 60 },
    "limited-2",
  );
}

/** Transfers of all shapes, on a shard and across; some stay pending. */
async function transfers(acme: Send, round: number): Promise<void> {
  const [a, b, c, d] = [idOn(0), idOn(0), idOn(1), idOn(1)];
  for (const id of [a, b, c, d]) {
    await acme("POST", "/v1/accounts", { id, asset: "PTS/0" });
    await acme("POST", "/v1/transfers", { debit_account: "@issuance", credit_account: id, amount: 1000 });
  }
  const move = (
    debit_account: string,
    credit_account: string,
    amount: number,
    more: Body = {},
    key?: string,
  ) => acme("POST", "/v1/transfers", { debit_account, credit_account, amount, ...more }, key);
  const split = [
    { debit_account: a, credit_account: c, amount: 20 },
    { debit_account: d, credit_account: b, amount: 30 },
  ];
  await move(a, b, 10, { memo: "plain", metadata: { order: "7" } }, `plain-${round}`);
  await move(a, c, 11, {}, `across-${round}`);
  await move(a, b, 5000, {}, `refused-${round}`);
  const posted = await acme("POST", "/v1/transfers", { postings: split });
  await acme("POST", "/v1/transfers", {
    postings: [...split, { debit_account: c, credit_account: a, amount: 99_999 }],
  });
  // What the other shard has reserved for it is given back.
  await acme("POST", "/v1/transfers", {
    postings: [...split, { debit_account: a, credit_account: b, amount: 99_999 }],
  });
  await acme("POST", `/v1/transfers/${String(posted["id"])}/revert`);
  await move(b, d, "available" as never, {});
  const held: string[] = [];
  for (const timeout_s of [1, 86_400, 86_400, 86_400]) {
    const { id } = await acme("POST", "/v1/transfers", { postings: split, pending: true, timeout_s });
    held.push(String(id));
  }
  const single = await move(c, d, 40, { pending: true });
  await acme("POST", `/v1/transfers/${String(single["id"])}/post`, { amount: 15 });
  await acme("POST", `/v1/transfers/${held[1]}/post`);
  await acme("POST", `/v1/transfers/${held[2]}/void`);
  // What is asked of the past makes a place in time; what is over by then ends.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await acme("GET", `/v1/accounts/${encodeURIComponent(a)}?at=${new Date().toISOString()}`);
  await acme("GET", `/v1/accounts/${encodeURIComponent(c)}?at=${new Date().toISOString()}`);
}

function snapshot(): void {
  execFileSync(process.execPath, [join(ROOT, "src/cli/daybook.ts"), "snapshot", "--offline"], {
    env: settings,
  });
}

async function act(send: (token: string) => Send, round: number): Promise<void> {
  const [operator, acme] = [send(operatorKey), send(partnerKey)];
  if (round === 1) await people(operator, acme);
  await transfers(acme, round);
  await actInProgrammes({ operator, acme, as: send }, round);
}

const first = await serve();
const { api_key } = await first.send(operatorKey)("POST", "/v1/partners", { id: "acme", name: "Acme" });
const partnerKey = String(api_key);
await act(first.send, 1);
await stop(first.child, "SIGTERM");
snapshot();
const second = await serve();
await act(second.send, 2);
await stop(second.child, "SIGKILL");
snapshot();
const third = await serve();
await act(third.send, 3);
await stop(third.child, "SIGTERM");

const folder = join(import.meta.dirname, version);
mkdirSync(folder);
const log: string[] = [];
const chunks: string[] = [];
const expected: object[] = [];
const seen = new Set<string>();
for (let shard = 0; shard < SHARDS; shard++) {
  const stream = openLogStream(walUrl, { generation: 1, shard, readOnly: true });
  const entries = await stream.read(undefined, 1 << 30);
  for (const { id, bytes } of entries)
    log.push(
      JSON.stringify({ shard, id: `${id.epoch}-${id.seq}`, frame: Buffer.from(bytes).toString("base64") }),
    );
  const ledger = noting(new Ledger(shard, SHARDS), seen);
  await followLog(stream, undefined, {}, (batch) => replayBatch(ledger, stream.name, batch));
  expected.push(summaryOf(ledger));
  const store = openSnapshotStore(walUrl, { generation: 1, shard, readOnly: true });
  for (const slot of await store.used()) {
    for (const chunk of await store.read(slot, 0, 1 << 30)) {
      const line: SnapshotLine = { shard, slot, chunk: Buffer.from(chunk).toString("base64") };
      chunks.push(JSON.stringify(line));
    }
  }
  await Promise.all([stream.close(), store.close()]);
}
writeFileSync(join(folder, "log.jsonl"), `${log.join("\n")}\n`);
writeFileSync(join(folder, "snapshots.jsonl"), `${chunks.join("\n")}\n`);
writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected, undefined, 2)}\n`);
writeFileSync(join(folder, "kinds.json"), `${JSON.stringify([...seen].toSorted(), undefined, 2)}\n`);
rmSync(data, { recursive: true });
const missing = Object.keys(OPS).filter((op) => !seen.has(op));
if (missing.length > 0) throw new Error(`no record of ${missing.join(", ")}`);
