/** Each reading command against the log of a real server: while it serves, after it has stopped, after it was killed. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { decodeFrame } from "../../src/wal/frame.ts";
import { parseLogId } from "../../src/wal/wal.ts";
import { testFolder } from "../support/server.ts";
import { daybook, daybookJson, daybookJsonLines } from "./cli.ts";
import {
  fingerprint,
  type ServedLog,
  SHARDS,
  STORES,
  type Store,
  serveLog,
  writeSomething,
} from "./served-log.ts";

type Info = Readonly<{
  shard: number;
  name: string;
  kind: string;
  generation: number;
  shards: number;
  first: { position: string; time: string };
  last: { position: string; time: string };
  entries: number;
  batches: number;
  bytes: number;
  epoch: number;
  claim: { instance: string; time: string };
  trimmed: boolean;
  problem: string | null;
}>;
type Line = Readonly<{
  position: string;
  time: string;
  kind: string;
  index?: number;
  command?: { op: string; partner: string; key: string | null };
  outcome?: { ok: boolean; code?: string };
}>;
type Verified = Readonly<{
  ok: boolean;
  streams: readonly { ok: boolean; entries: number; records: number; confirmed: string[]; fault: unknown }[];
}>;
type Exported = Readonly<{
  shard: number;
  id: string;
  time: string;
  kind: string;
  records: unknown[];
  frame: string;
}>;

const STATES = ["serves", "has ended", "was killed"] as const;

/** The commands only read, so all tests share one log of each store and state. */
const logs = new Map<string, Promise<ServedLog>>();

afterAll(async () => {
  for (const log of logs.values()) await log.then(({ destroy }) => destroy());
});

function serveAs(store: Store, state: (typeof STATES)[number]): Promise<ServedLog> {
  const name = `${store} ${state}`;
  const log = logs.get(name) ?? newLog(store, state);
  logs.set(name, log);
  return log;
}

async function newLog(store: Store, state: (typeof STATES)[number]): Promise<ServedLog> {
  const log = await serveLog(store);
  await writeSomething(log.client);
  if (state === "has ended") {
    log.server.signal("SIGTERM");
    await log.server.exited;
  } else if (state === "was killed") await log.server.kill();
  return log;
}

describe.each(STORES)("on %s", (store) => {
  test.each(STATES)("every command reads a log whose server %s", async (state) => {
    const { env, dataDir } = await serveAs(store, state);

    const infos = await daybookJson<readonly Info[]>(["wal", "info"], env);
    expect(infos.map(({ shard }) => shard)).toEqual([0, 1]);
    for (const info of infos) {
      expect(info).toMatchObject({
        kind: store === "redis" ? "redis-stream" : "sqlite",
        generation: 1,
        shards: SHARDS,
        epoch: 1,
        trimmed: false,
        problem: null,
        first: { position: `${info.shard}:1-0` },
      });
      expect(info.last.position).toBe(`${info.shard}:1-${info.batches}`);
      expect(info.entries).toBe(info.batches + 1);
      expect(info.bytes).toBeGreaterThan(100);
      expect(info.claim.instance).toBe(infos[0]?.claim.instance);
      expect(Date.parse(info.claim.time)).toBeLessThanOrEqual(Date.parse(info.last.time));
    }

    const listed = await daybookJsonLines<Line>(["wal", "ls"], env);
    const records = listed.filter(({ kind }) => kind === "record");
    expect(listed.filter(({ kind }) => kind === "claim").length).toBe(SHARDS);
    expect(listed.map(({ time }) => time)).toEqual(listed.map(({ time }) => time).toSorted());
    const ops = new Set(records.map(({ command }) => command?.op));
    for (const op of ["create_partner", "create_account", "transfer", "compound_transfer", "post_transfer"]) {
      expect(ops).toContain(op);
    }
    expect(records.filter(({ outcome }) => outcome?.code === "insufficient_funds").length).toBe(1);

    const verified = await daybookJson<Verified>(["wal", "verify"], env);
    expect(verified.ok).toBe(true);
    expect(verified.streams.map(({ entries }) => entries)).toEqual(infos.map(({ entries }) => entries));
    const counted = verified.streams.reduce((sum, { records }) => sum + records, 0);
    expect(counted).toBe(records.length);
    if (state === "has ended") {
      expect(verified.streams.map(({ confirmed }) => confirmed)).toEqual([["DATA_DIR"], ["DATA_DIR"]]);
    }

    const file = join(testFolder(), "log.jsonl");
    expect(await daybook(["wal", "export", file], env)).toMatchObject({ code: 0, stdout: "" });
    const exported = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Exported);
    expect(exported.length).toBe(infos.reduce((sum, { entries }) => sum + entries, 0));
    for (const { shard, id, kind, time, records: inside, frame } of exported) {
      const decoded = decodeFrame(Buffer.from(frame, "base64"), parseLogId(id));
      expect({ kind: decoded.kind, time: new Date(decoded.timeMs).toISOString() }).toEqual({ kind, time });
      if (decoded.kind === "claim") expect(decoded.claimant.shard).toBe(shard);
      else expect(inside.length).toBe(decoded.count);
    }

    const tailed = await daybookJsonLines<Line>(["wal", "tail", "-n", "3"], env);
    expect(tailed).toEqual(listed.slice(-3));

    const { ok, findings } = await daybookJson<{ ok: boolean; findings: { level: string; text: string }[] }>(
      ["doctor"],
      env,
    );
    expect(ok).toBe(true);
    expect(findings.map(({ text }) => text).join("\n")).toContain(
      state === "has ended" ? "which DATA_DIR remembers" : dataDir,
    );
  });

  test.each(["has ended", "was killed"] as const)(
    "reading leaves no trace where a server %s",
    async (state) => {
      const { env, dataDir, redis } = await serveAs(store, state);
      const folders = [dataDir, ...(redis === undefined ? [] : [redis.dir])];
      const traces = () => folders.map(fingerprint);
      const before = traces();
      for (const args of [["wal", "info"], ["wal", "ls"], ["wal", "tail"], ["wal", "verify"], ["doctor"]]) {
        expect(await daybook(args, env)).toMatchObject({ code: 0 });
      }
      expect(await daybook(["wal", "export", "-"], env)).toMatchObject({ code: 0 });
      expect(traces()).toEqual(before);
    },
  );
});

describe("wal ls", () => {
  test("shows only records that match the options", async () => {
    const { env } = await serveAs("sqlite", "has ended");
    const all = await daybookJsonLines<Line>(["wal", "ls"], env);
    const ls = async (...args: string[]) => daybookJsonLines<Line>(["wal", "ls", ...args], env);

    const keyed = await ls("--key", "order-1");
    expect(keyed.map(({ command }) => command?.op)).toContain("transfer");
    expect(new Set(keyed.map(({ command }) => command?.key))).toEqual(new Set(["order-1"]));

    const house = await ls("--partner", "house");
    expect(house.length).toBeGreaterThan(0);
    expect(new Set(house.map(({ command }) => command?.partner))).toEqual(new Set(["house"]));

    const bobs = await ls("--account", "bob/points");
    expect(bobs).toEqual(all.filter((line) => JSON.stringify(line).includes('"bob/points"')));
    expect(bobs.length).toBeGreaterThan(3);

    const first = await ls("--shard", "1");
    expect(first).toEqual(all.filter(({ position }) => position.startsWith("1:")));
    expect(await ls("--limit", "4")).toEqual(all.slice(0, 4));
    expect(await ls("--from", "1:1-2", "--to", "1:1-3")).toEqual(
      all.filter(({ position }) => position === "1:1-2" || position === "1:1-3"),
    );
    expect(await ls("--from", "1-2", "--shard", "0")).toEqual(
      all.filter(({ position }) => position.startsWith("0:") && !["0:1-0", "0:1-1"].includes(position)),
    );
    const middle = all[Math.floor(all.length / 2)]?.time ?? "";
    expect(await ls("--from", middle)).toEqual(all.filter(({ time }) => time >= middle));
    expect(await ls("--to", middle)).toEqual(all.filter(({ time }) => time <= middle));
    expect(await ls("--from", "2999-01-01")).toEqual([]);
    expect(await daybook(["wal", "ls", "--shard", "2"], env)).toMatchObject({
      code: 2,
      stderr: "daybook: there is no shard 2: this log has 2 (0 to 1)\n",
    });
  });

  test("prints position, time, command and outcome of each record in aligned columns", async () => {
    const { env } = await serveAs("sqlite", "has ended");
    const { lines } = await daybook(["wal", "ls"], env);
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    for (const line of lines) expect(line).toMatch(new RegExp(`^[01]:1-\\d+(#\\d+)? +${time}  \\S`));
    expect(new Set(lines.map((line) => line.search(/\d{4}-\d\d-\d\dT/)))).toEqual(new Set([15]));
    const text = lines.join("\n");
    expect(text).toMatch(/transfer {12}acme {10}@issuance → alice\/points 500 {2}✓ tr_\w+ {2}key order-1/);
    expect(text).toMatch(/alice\/points → bob\/points 9000 {2}✗ insufficient_funds \(alice\/points\)/);
    expect(text).toMatch(/alice\/points → @redeemed 100 PTS\/0, pending {2}✓ tr_\w+ pending/);
    expect(text).toMatch(/post_transfer +acme +tr_\w+ 50, final {2}✓ posted 50/);
    expect(text).toMatch(/claim +by [0-9a-f-]{36}, 2 shards/);
  });

  test("exits with 0 when its reader closes the pipe", async () => {
    const { env } = await serveAs("sqlite", "has ended");
    const file = join(testFolder(), "out");
    const { stderr } = await promisify(execFile)(
      "bash",
      [
        "-c",
        `set -o pipefail; "${process.execPath}" src/cli/daybook.ts wal export - | head -c 1 > "${file}"`,
      ],
      { env: { ...process.env, ...env } },
    );
    expect(stderr).toBe("");
    expect(readFileSync(file, "utf8")).toBe("{");
  });
});

test("every command in the README works as written", async () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const section = readme.slice(readme.indexOf("## Command line"), readme.indexOf("## For engineers"));
  const commands = [...section.matchAll(/^\| `npx daybook ([^`]*)` \|/gm)].map(
    ([, args]) => args?.trim().split(" ") ?? [],
  );
  expect(commands.length).toBeGreaterThan(5);
  const { env } = await serveAs("sqlite", "has ended");
  const folder = testFolder();
  for (const args of commands) {
    // Without -f, which would run forever; wal-tail.test.ts tests it.
    const ending = args.filter((word) => word !== "-f");
    const { code, stderr } = await daybook(
      ending.map((word) => word.replace(/^log\.jsonl$/, join(folder, word))),
      env,
    );
    expect({ args, code, stderr: stderr.replace(/^daybook: \d+ entries written .*\n$/, "") }).toEqual({
      args,
      code: 0,
      stderr: "",
    });
  }
  expect(existsSync(join(folder, "log.jsonl"))).toBe(true);
});

describe("wal export", () => {
  test("replaces a file only with --force, and leaves no partial file", async () => {
    const { env } = await serveAs("sqlite", "has ended");
    const file = join(testFolder(), "log.jsonl");
    expect((await daybook(["wal", "export", file, "--to", "0:1-1"], env)).code).toBe(0);
    const first = readFileSync(file, "utf8");
    const again = await daybook(["wal", "export", file], env);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("--force") });
    expect(readFileSync(file, "utf8")).toBe(first);
    expect((await daybook(["wal", "export", file, "--force"], env)).code).toBe(0);
    expect(readFileSync(file, "utf8").length).toBeGreaterThan(first.length);
    const nowhere = join(testFolder(), "no", "such", "folder.jsonl");
    expect(await daybook(["wal", "export", nowhere], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^daybook: ENOENT[^\n]*\n$/),
    });
    expect(existsSync(nowhere)).toBe(false);
  });
});
