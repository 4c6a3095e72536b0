/** The doctor's judgement of values that no test can produce on a real machine. */
import { describe, expect, test } from "vitest";
import { examineDisk, examineSpace } from "../../../src/cli/doctor/folder-findings.ts";
import {
  examineAlone,
  examineCare,
  examineClock,
  examineDurability,
  examineMember,
  examineServer,
} from "../../../src/cli/doctor/redis-findings.ts";
import type { RedisValues } from "../../../src/wal/redis/redis-configuration.ts";

const values = (info: Record<string, string>, config: Record<string, string> = {}): RedisValues => ({
  info: new Map(Object.entries(info)),
  config: new Map(Object.entries(config)),
});

test.each([
  [{ redis_version: "6.2.14" }, "problem", /needs Redis 7\.0/],
  [{}, "problem", /unknown version/],
  [{ redis_version: "7.0.0" }, "warning", /7\.0\.5 or newer/],
  [{ redis_version: "7.0.5" }, "ok", /^Redis 7\.0\.5$/],
  [{ redis_version: "7.0.15" }, "ok", /^Redis 7\.0\.15$/],
  [{ redis_version: "8.2.0" }, "warning", /8\.2\.1 or newer/],
  [{ redis_version: "8.10.1" }, "ok", /^Redis 8\.10\.1$/],
  [{ redis_version: "7.2.4", valkey_version: "8.1.0" }, "ok", /^Valkey 8\.1\.0$/],
])("of version %o it says: %s", (info, level, text) => {
  expect(examineServer(values(info))).toEqual([
    expect.objectContaining({ level, text: expect.stringMatching(text) }),
  ]);
});

test.each([
  ["0", "500", "warning"],
  ["1000", "500", "ok"],
  ["1000", "799", "ok"],
  ["1000", "800", "warning"],
  ["1000", "950", "problem"],
])("maxmemory %s, %s used: %s", (maxmemory, used_memory, level) => {
  expect(examineCare(values({ maxmemory, used_memory }))[0]).toMatchObject({ level });
});

test("deviations from recommended settings are warnings", () => {
  const unusual = values(
    { maxmemory: "1000", used_memory: "1", cluster_enabled: "1", connected_slaves: "2" },
    { "io-threads": "4", save: "900 1", "aof-use-rdb-preamble": "no" },
  );
  const found = [...examineCare(unusual), ...examineAlone(unusual)];
  expect(found.map(({ level }) => level)).toEqual(["ok", ...Array.from({ length: 5 }, () => "warning")]);
  const good = { "io-threads": "1", save: "", "aof-use-rdb-preamble": "yes" };
  expect(examineCare(values({ maxmemory: "1000", used_memory: "1" }, good)).length).toBe(1);
});

test("a replica, an AOF that cannot be written, and unreadable settings are problems", () => {
  const master = { role: "master", aof_enabled: "1", aof_last_write_status: "ok" };
  const set = { appendfsync: "always", "no-appendfsync-on-rewrite": "no", "maxmemory-policy": "noeviction" };
  expect(examineDurability(values(master, set))).toMatchObject([{ level: "ok" }]);
  const bad = [
    values({ ...master, role: "slave" }, set),
    values({ ...master, aof_last_write_status: "err" }, set),
    { ...values(master), config: { refused: "NOPERM" } },
  ];
  for (const each of bad) expect(examineDurability(each)).toMatchObject([{ level: "problem" }]);
});

test("a member of a cluster may be a replica, and settings that make a failover slow are warnings", () => {
  const info = { role: "slave", aof_enabled: "1", cluster_enabled: "1" };
  const set = { appendfsync: "always", "no-appendfsync-on-rewrite": "no", "maxmemory-policy": "noeviction" };
  expect(examineDurability(values(info, set), true)).toMatchObject([{ level: "ok" }]);
  expect(examineDurability(values({ ...info, aof_enabled: "0" }, set), true)).toMatchObject([
    { level: "problem" },
  ]);
  const good = {
    "cluster-node-timeout": "1500",
    "repl-timeout": "5",
    "cluster-require-full-coverage": "no",
    "cluster-allow-replica-migration": "no",
    "cluster-allow-reads-when-down": "yes",
  };
  expect(examineMember(values(info, good))).toMatchObject([{ level: "ok" }]);
  expect(examineMember(values({ role: "master" }, good))).toMatchObject([{ level: "problem" }]);
  const slow = { ...good, "cluster-node-timeout": "15000", "cluster-require-full-coverage": "yes" };
  expect(examineMember(values(info, slow)).map(({ level }) => level)).toEqual(["warning", "warning"]);
});

test("clocks may differ by two seconds", () => {
  const at = (micros: number) => examineClock(values({ server_time_usec: String(micros) }), 1_000_000);
  expect(at(1_000_000_000)).toMatchObject([{ level: "ok" }]);
  expect(at(1_002_000_000)).toMatchObject([{ level: "ok" }]);
  expect(at(1_002_100_000)).toMatchObject([
    { level: "warning", text: expect.stringContaining("2.1 s ahead of") },
  ]);
  expect(at(990_000_000)).toMatchObject([{ level: "warning", text: expect.stringContaining("10 s behind") }]);
  expect(examineClock(values({}), 1)).toEqual([]);
});

describe("a folder", () => {
  test.each([
    [99e6, "problem"],
    [999e6, "warning"],
    [1e9, "ok"],
  ])("with %d bytes free: %s", (free, level) => {
    expect(examineSpace("it", free)).toMatchObject({ level });
  });

  test.each([
    ["NFS", 0x6969, true, "problem"],
    ["NFS", 0x6969, false, "warning"],
    ["SMB", 0xfe534d42, true, "problem"],
    ["tmpfs", 0x01021994, true, "warning"],
    ["the layer of a container", 0x794c7630, true, "warning"],
    ["ext4", 0xef53, true, "ok"],
  ])("on %s (%d), with the log in it %s: %s", (_, type, holdsLog, level) => {
    expect(examineDisk("it", type, holdsLog)).toMatchObject([{ level }]);
  });
});
