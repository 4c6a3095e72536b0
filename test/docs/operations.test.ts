/** Runs every command of the handbook in order, on a real Redis and a real server under load. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Accepted, Load } from "../support/load.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { Client, makePartner, OPERATOR_KEY } from "../support/server.ts";
import { until } from "../support/until.ts";
import { type Block, blocksOf, HANDBOOK, matches, stepsOf } from "./handbook.ts";
import { Shell } from "./shell.ts";

const BLOCKS = blocksOf(HANDBOOK);
const BEFORE_BACKUP = 300;
const AFTER_BACKUP = 50;

/** Two free ports. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports as unknown as readonly [number, number];
}

describe("the commands of docs/OPERATIONS.md", () => {
  let dir: string;
  let shell: Shell;
  let url: string;
  let load: Load;
  let backedUp: readonly Accepted[] = [];
  let lost: readonly Accepted[] = [];

  beforeAll(async () => {
    dir = makeScratchFolder("daybook-docs");
    const [port, drillPort] = await freePorts();
    url = `http://127.0.0.1:${port}`;
    const socket = join(dir, "redis.sock");
    shell = new Shell(dir, {
      PATH: `${dir}:${join(inject("redisServer"), "..")}:${process.env["PATH"]}`,
      HOME: process.env["HOME"],
      TMPDIR: dir,
      NO_COLOR: "1",
      WAL_URL: `redis+unix://daybook:app-secret@localhost${socket}`,
      DATA_DIR: join(dir, "data"),
      PORT: String(port),
      DRILL_PORT: String(drillPort),
      OPERATOR_KEY,
      // More than one of everything that the handbook mentions.
      SHARDS: "2",
      GATEWAYS: "2",
      DAYBOOK: join(import.meta.dirname, "../.."),
      BIN: dir,
      REDIS_DIR: join(dir, "redis"),
      REDIS_ETC: join(dir, "etc"),
      REDIS_OPTIONS: `--port 0 --unixsocket ${socket}`,
      REDIS_CLI: `redis-cli -s ${socket}`,
      REDISCLI_AUTH: "operator-secret",
      DAYBOOK_PASSWORD: "app-secret",
      OPERATOR_PASSWORD: "operator-secret",
      BACKUPS: join(dir, "backups"),
    });
  });

  afterAll(async () => {
    await shell.end();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What happens to the server before the first command below a heading. */
  const meanwhile: Readonly<Record<string, () => Promise<void>>> = {
    async "Backup while it serves"() {
      const operator = new Client(url, OPERATOR_KEY);
      load = new Load({ partnerKey: await makePartner(operator), acrossShards: 2 });
      operator.close();
      await load.open(url);
      load.begin(url, 8);
      await load.moreAcknowledged(BEFORE_BACKUP);
      // Witnesses are written with a delay, so a new server has none.
      await until("both shards have a witness", () => {
        const files = readdirSync(join(dir, "data"));
        return Promise.resolve(files.filter((file) => file.startsWith("witness-")).length === 2);
      });
      backedUp = load.accepted;
    },
    async "Verify a backup"() {
      // Requests in flight during the copy may be in it: wait until they are answered.
      await load.moreAcknowledged(AFTER_BACKUP);
      const known = new Set(load.accepted.map(({ id }) => id));
      await load.moreAcknowledged(AFTER_BACKUP);
      lost = load.accepted.filter(({ id }) => !known.has(id));
    },
    async Restore() {
      await load.stop();
    },
  };

  let section = "";
  for (const block of BLOCKS.filter(({ noRun }) => noRun === undefined)) {
    test(`line ${block.line}, ${block.section}`, async () => {
      if (block.section !== section) await meanwhile[(section = block.section)]?.();
      await check(block);
    });
  }

  async function check({ kind, text }: Block): Promise<void> {
    if (kind === "sh") {
      await shell.run(text);
      return;
    }
    for (const { command, printed } of stepsOf(text)) {
      const output = await shell.run(`${command}\n`);
      const isMatch = matches(printed, output.endsWith("\n") || output === "" ? output : `${output}\n`);
      expect(isMatch, `${command}\nmust print\n${printed.join("\n")}\nand printed\n${output}`).toBe(true);
    }
  }

  /** The last command of the handbook restarts a shard; waits until it is back. */
  async function restarted(shard: number): Promise<void> {
    const operator = new Client(url, OPERATOR_KEY);
    await until(`shard ${shard} has started anew`, async () => {
      const { data } = (await operator.get("/v1/admin/shards")) as {
        data: { status: string; restarts: number }[];
      };
      return data[shard]?.status === "ready" && data[shard].restarts === 1;
    });
    operator.close();
  }

  test("the restored books are those of the backup: everything before it, nothing after it", async () => {
    const client = new Client(url, load.partnerKey);
    await restarted(0);
    await until(
      "both shards are reached",
      async () => (await client.send("GET", "/v1/trial-balance")).status === 200,
    );
    expect(backedUp.length).toBeGreaterThan(0);
    expect(lost.length).toBeGreaterThan(0);
    for (const { id, amount } of backedUp) {
      const transfer = { id, status: "posted", postings: [{ amount }] };
      expect(await client.get(`/v1/transfers/${id}`)).toMatchObject(transfer);
    }
    for (const { id } of lost) expect((await client.send("GET", `/v1/transfers/${id}`)).status).toBe(404);
    for (const account of load.accounts) {
      const path = `/v1/accounts/${encodeURIComponent(account)}/reconciliation`;
      expect(await client.get(path), account).toMatchObject({ reconciled: true });
    }
    expect(await client.get("/v1/trial-balance")).toMatchObject({ balanced: true });
    client.close();
  });

  test("a retry with its key gets the old answer if the backup has it, and is executed if it was lost", async () => {
    const client = new Client(url, load.partnerKey);
    const again = async ({ key, debit, credit, amount }: Accepted) => {
      const body = { debit_account: debit, credit_account: credit, amount, memo: key };
      const { status, text, headers } = await client.send("POST", "/v1/transfers", body, {
        "Idempotency-Key": key,
      });
      const { id } = JSON.parse(text) as { id?: string };
      return { status, id, replayed: headers["idempotency-replayed"] };
    };
    for (const operation of backedUp.filter(({ inBatch }) => !inBatch).slice(-20))
      expect(await again(operation)).toEqual({ status: 201, id: operation.id, replayed: "true" });
    const single = lost.filter(({ inBatch, debit }) => !inBatch && debit === "@issuance").slice(0, 5);
    expect(single.length).toBeGreaterThan(0);
    for (const operation of single)
      expect(await again(operation)).toMatchObject({ status: 201, replayed: undefined });
    client.close();
  });

  test("every metric that the handbook names exists", async () => {
    const client = new Client(url, OPERATOR_KEY);
    const { text } = await client.send("GET", "/metrics");
    client.close();
    // The statistics service and the operator have metrics of their own, on other ports or with other settings.
    const others = [
      "src/statistics/service-health.ts",
      "src/workers/server/operator-metrics.ts",
      "deploy/prometheus/prometheus.yml",
    ]
      .map((file) => readFileSync(file, "utf8"))
      .join();
    const there = new Set([
      ...(text.match(/^daybook_\w+|(?<=^# TYPE )\w+/gm) ?? []),
      ...(others.match(/daybook_\w+/g) ?? []),
    ]);
    const named = new Set(HANDBOOK.match(/daybook_[a-z_]+[a-z]\b/g));
    expect(named.size).toBeGreaterThan(20);
    expect([...named].filter((name) => !there.has(name))).toEqual([]);
  });
});

test.each(BLOCKS.filter(({ kind }) => kind === "sh").map((block) => [block.line, block] as const))(
  "the commands in line %i are valid shell",
  (_, { text, noRun }) => {
    execFileSync("sh", ["-n"], { input: text });
    expect(noRun, "a block that is not run says why").not.toBe("");
  },
);
