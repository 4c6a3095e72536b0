/** Help, usage errors, and `daybook serve`. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OPERATOR_KEY, testFolder } from "../support/server.ts";
import { until } from "../support/until.ts";
import { CliProcess, COMMANDS, daybook, wideLinesOf } from "./cli.ts";

/** The commands that a help text lists. */
function named(text: string): (string | undefined)[] {
  return [...text.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
}

describe("help", () => {
  test.each(COMMANDS.map((command) => ({ command })))("of daybook $command", async ({ command }) => {
    const { code, stdout, stderr } = await daybook([...command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(["Usage: daybook", ...command].join(" "));
    expect(stdout.length).toBeGreaterThan(200);
    expect(wideLinesOf(stdout)).toEqual([]);
  });

  test("lists every command", async () => {
    const wal = named((await daybook(["wal", "--help"])).stdout);
    expect(wal).toEqual(expect.arrayContaining(["info", "ls", "tail", "verify", "export"]));
    expect(named((await daybook(["--help"])).stdout)).toEqual(
      expect.arrayContaining(["serve", "wal", "doctor"]),
    );
  });
});

describe("a usage error prints one line and exits with 2", () => {
  const env = { DATA_DIR: "/nowhere/daybook" };

  test.each([
    [["nonsense"], "unknown command 'nonsense'"],
    [["wal", "nonsense"], "unknown command 'nonsense'"],
    [["wal", "ls", "--nonsense"], "unknown option '--nonsense'"],
    [["wal", "ls", "--from", "yesterday"], "Give a position"],
    [["wal", "ls", "--from", "3-17"], "which shard's 3-17?"],
    [["wal", "ls", "--from", "0:3-17", "--to", "1:3-18"], "different shards"],
    [["wal", "ls", "--limit", "-1"], "It is not a number."],
    [["wal", "ls", "--shard", "x"], "It is not a number."],
    [["wal", "tail", "-n", "many"], "It is not a number."],
    [["wal", "export"], "missing required argument 'file'"],
    [["wal", "verify", "extra"], "too many arguments"],
    [["listen"], "a partner's key is missing: set PARTNER_KEY"],
    [["trigger"], "name a type of event: account.closed, "],
    [["trigger", "account.lost"], "account.lost is not a type of event: account.closed, "],
    [["trigger", "account.closed"], "the operator's key is missing: set OPERATOR_KEY"],
    [["wal", "info", "--wal-url", "mysql://host"], "mysql: is not a supported kind of log"],
    [["wal", "info", "--wal-url", "memory:"], "in memory"],
    [["doctor", "--wal-url", "redis://user:secret@host/3"], "only database 0"],
  ] as const)("daybook %j", async (args, says) => {
    const { code, stdout, stderr } = await daybook(args, env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^daybook: [^\n]+\n$/);
    expect(stderr).toContain(says);
    expect(stderr).not.toContain("secret");
  });

  test.each([
    [["--forward-to", "https://example.com/hook"], "example.com is not this machine"],
    [["--forward-to", "http://127.0.0.1.example.com/"], "is not this machine"],
    [["--forward-to", "file:///tmp/x"], "is no http address"],
    [["--forward-to", "http://localhost/", "--secret", "whsec_c2hvcnQ="], "24 to 64 bytes"],
    [["--secret", "whsec_c2hvcnQ="], "give both"],
  ] as const)("daybook listen %j", async (args, says) => {
    const { code, stderr } = await daybook(["listen", ...args], { PARTNER_KEY: "a key" });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
    expect(stderr).not.toMatch(/c2hvcnQ|a key/);
  });

  test("a group without a command prints its help", async () => {
    for (const args of [[], ["wal"]]) {
      const { code, stderr } = await daybook(args, env);
      expect(code).toBe(2);
      expect(stderr).toContain("Usage: daybook");
    }
  });
});

test("without a log every command says so and creates nothing", async () => {
  const dir = testFolder();
  for (const dataDir of [dir, join(dir, "absent")]) {
    for (const args of [
      ["wal", "info"],
      ["wal", "ls"],
      ["wal", "tail", "-f"],
      ["wal", "verify"],
      ["wal", "export", join(dir, "file")],
    ]) {
      const { code, stdout, stderr } = await daybook(args, { DATA_DIR: dataDir });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^daybook: there is no log at sqlite:[^\n]*\n$/);
    }
    expect(await daybook(["doctor"], { DATA_DIR: dataDir })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^! the log's folder .* does not exist: the first start creates it$/m),
    });
  }
  expect(readdirSync(dir)).toEqual([]);
});

test("an unreachable Redis is no usage error: one line and exit code 1", async () => {
  const away = `redis+unix://${testFolder()}/no.sock`;
  expect(await daybook(["wal", "info"], { WAL_URL: away, DATA_DIR: testFolder() })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^daybook: [^\n]*Redis does not answer: [^\n]*\n$/),
  });
});

describe("serve", () => {
  test("runs the server with its flags, and exits as the server does", async () => {
    const dataDir = join(testFolder(), "data");
    mkdirSync(dataDir);
    const server = new CliProcess(["serve", "--port", "0", "--data-dir", dataDir, "--shards", "1"], {
      OPERATOR_KEY,
      LOG_LEVEL: "warn",
    });
    await until("it serves", () => /serves on http/.test(server.stdout));
    expect(server.stdout).toContain("1 shard");
    expect(readdirSync(dataDir)).toContain("wal");
    const url = /serves on (http[^\s,]+)/.exec(server.stdout)?.[1];
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    server.child.kill("SIGTERM");
    expect((await server.ended()).code).toBe(0);
  });

  test("refuses a bad flag with the server's message", async () => {
    const { code, stderr } = await daybook(["serve", "--port", "99999", "--data-dir", testFolder()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^daybook: bad configuration: PORT: [^\n]*\n$/);
  });
});

test("--version prints the version of the package", async () => {
  expect(await daybook(["--version"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});
