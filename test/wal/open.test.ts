import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLogStream, parseLogUrl } from "../../src/wal/open.ts";

test.each([
  ["sqlite:./data/wal", { kind: "sqlite", dir: "./data/wal" }],
  ["memory:", { kind: "memory", name: "" }],
  ["redis://h", { kind: "redis", address: { host: "h", port: 6379, tls: false } }],
  ["redis://h:7000/0", { kind: "redis", address: { host: "h", port: 7000, tls: false } }],
  ["redis://[::1]:7000", { kind: "redis", address: { host: "::1", port: 7000, tls: false } }],
  [
    "rediss://app:p%40ss@h",
    { kind: "redis", address: { host: "h", port: 6379, tls: true, username: "app", password: "p@ss" } },
  ],
  ["redis+unix:///run/r%20x.sock", { kind: "redis", address: { path: "/run/r x.sock" } }],
  [
    "redis+unix://app:pw@localhost/run/r.sock",
    { kind: "redis", address: { path: "/run/r.sock", username: "app", password: "pw" } },
  ],
  [
    "redis+cluster://app:p%40ss@h1:7000,h2:7001",
    {
      kind: "cluster",
      members: [
        { host: "h1", port: 7000, tls: false, username: "app", password: "p@ss" },
        { host: "h2", port: 7001, tls: false, username: "app", password: "p@ss" },
      ],
    },
  ],
  ["rediss+cluster://[::1]:7000", { kind: "cluster", members: [{ host: "::1", port: 7000, tls: true }] }],
])("%s is read", (url, location) => {
  expect(parseLogUrl(url)).toEqual(location);
});

test.each([
  ["redis://app:secret@h/1", /only database 0/],
  ["redis://h?family=6", /no \?options/],
  ["redis://", /./],
  ["redis+cluster://app:secret@", /a member of the cluster is not host:port/],
  ["redis+cluster://h:7000,,h:7001", /a member of the cluster is not host:port/],
  ["redis+cluster://h:7000,h:port", /a member of the cluster is not host:port/],
  ["redis+cluster://app:secret@h:7000/1", /only database 0/],
  ["redis+cluster://h?family=6", /no \?options/],
  ["redis+unix://host/r.sock", /absolute path/],
  ["redis+unix://", /./],
  ["sqlite:", /needs a folder/],
  ["http://app:secret@h", /http: is not a supported kind of log/],
  ["", /not a valid URL/],
])("%s is refused in one line that says how it should be, without the password", (url, reason) => {
  let message = "";
  try {
    parseLogUrl(url);
  } catch (error) {
    expect(error).toMatchObject({ code: "log_misconfigured" });
    message = error instanceof Error ? error.message : "";
  }
  expect(message).toMatch(reason);
  expect(message).toMatch(/^WAL_URL: .*Give sqlite:<folder>/);
  expect(message).not.toMatch(/secret|\n/);
});

test("streams are named after their generation and shard", async () => {
  const dir = mkdtempSync(join(tmpdir(), "daybook-open-"));
  expect(openLogStream(`sqlite:${dir}`, { generation: 2, shard: 3 }).name).toBe(join(dir, "g2s3.sqlite"));
  expect(openLogStream("redis://h", { generation: 2, shard: 3 }).name).toBe("daybook:{g2s3}:wal");
  rmSync(dir, { recursive: true });
});

test("a restarted shard finds its log in memory again", async () => {
  const id = { epoch: 1, seq: 0 };
  await openLogStream("memory:open-test", { generation: 1, shard: 0 }).append(id, Buffer.from("x"), true);
  expect(await openLogStream("memory:open-test", { generation: 1, shard: 0 }).last()).toMatchObject({ id });
  expect(await openLogStream("memory:open-test", { generation: 1, shard: 1 }).last()).toBeUndefined();
});
