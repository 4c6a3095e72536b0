/** Logs that a real server has written, on either store. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { deployedIn, urlOf } from "../support/deployed-redis.ts";
import { RedisServer } from "../support/redis.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import {
  Client,
  makePartner,
  operator,
  ServerProcess,
  sendUntilDone,
  testFolder,
} from "../support/server.ts";

export const STORES = ["sqlite", "redis"] as const;
export type Store = (typeof STORES)[number];

export const SHARDS = 2;

export type ServedLog = Readonly<{
  dataDir: string;
  /** Settings for the command line and the server. */
  env: Readonly<Record<string, string>>;
  server: ServerProcess;
  redis: RedisServer | undefined;
  /** A client with the key of partner `acme`. */
  client: Client;
  /** That key. */
  key: string;
  /** Starts another server on the same log. */
  serveAgain: () => Promise<ServerProcess>;
  destroy: () => Promise<void>;
}>;

export async function serveLog(store: Store): Promise<ServedLog> {
  return serveOn(store === "redis" ? await RedisServer.start() : undefined);
}

/** @param walUrl with the login of the server's user. */
async function serveOn(redis: RedisServer | undefined, walUrl = redis?.url): Promise<ServedLog> {
  const dataDir = makeScratchFolder("daybook-test");
  const env = { DATA_DIR: dataDir, WAL_URL: walUrl ?? `sqlite:${dataDir}/wal` };
  const servers: ServerProcess[] = [];
  const serveAgain = async () => {
    const server = ServerProcess.launch({ ...env, SHARDS: String(SHARDS) });
    servers.push(server);
    await server.serving();
    return server;
  };
  const server = await serveAgain();
  const key = await makePartner(operator(server));
  const client = new Client(server.url, key);
  const destroy = async () => {
    client.close();
    for (const each of servers) await each.kill();
    await redis?.destroy();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { dataDir, env, server, redis, client, key, serveAgain, destroy };
}

/** It is removed at the end of the test. */
export async function testLog(store: Store): Promise<ServedLog> {
  const log = await serveLog(store);
  onTestFinished(log.destroy);
  return log;
}

/** The log of a server that has only the rights of its user in deploy/redis. It is removed at the end of the test. */
export async function testDeployedLog(): Promise<ServedLog & Readonly<{ redis: RedisServer }>> {
  const redis = await RedisServer.start(deployedIn(testFolder()));
  const log = await serveOn(redis, urlOf(redis, "daybook"));
  onTestFinished(log.destroy);
  return { ...log, redis };
}

/** Accounts on both shards, transfers within one and across, a rejection, a captured hold, several postings. */
export async function writeSomething(client: Client): Promise<void> {
  const post = async (path: string, body: unknown) => {
    const { status, text } = await sendUntilDone(client, path, body);
    if (status >= 300 && status !== 422) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as { id: string };
  };
  for (const name of ["alice", "bob", "carol", "dave"]) {
    await post("/v1/accounts", { id: `${name}/points`, asset: "PTS/0" });
  }
  const move = (debit: string, credit: string, amount: number, more: object = {}) =>
    post("/v1/transfers", { debit_account: debit, credit_account: credit, amount, ...more });
  const { status } = await client.send(
    "POST",
    "/v1/transfers",
    { debit_account: "@issuance", credit_account: "alice/points", amount: 500 },
    { "Idempotency-Key": "order-1" },
  );
  if (status !== 201) throw new Error(`the first transfer: ${status}`);
  for (const name of ["bob", "carol", "dave"]) await move("alice/points", `${name}/points`, 20);
  await move("alice/points", "bob/points", 9000);
  const held = await move("alice/points", "@redeemed", 100, { pending: true });
  await post(`/v1/transfers/${held.id}/post`, { amount: 50, final: true });
  await post("/v1/transfers", {
    postings: [
      { debit_account: "alice/points", credit_account: "bob/points", amount: 1 },
      { debit_account: "alice/points", credit_account: "carol/points", amount: 2 },
    ],
  });
}

/** Every file below a folder with a hash of its contents, except for SQLite's shared-memory files. */
export function fingerprint(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith("-shm"),
  );
  return Object.fromEntries(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted()
      .map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );
}
