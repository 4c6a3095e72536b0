/** The handbook contains every alarm of the source, with the text that an operator sees. */
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { PROBLEMS } from "../../src/http/problem.ts";
import {
  Client,
  codeOf,
  makePartner,
  operator,
  refusedStart,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { alarmsBelow, HANDBOOK } from "./handbook.ts";

const SRC = join(import.meta.dirname, "../../src");
const sources = globSync("**/*.ts", { cwd: SRC })
  // Excluded: a log in memory fails only when a test asks for it.
  .filter((file) => !file.startsWith("cli/") && file !== "wal/memory.ts")
  .map((file) => readFileSync(join(SRC, file), "utf8"));

/** The message texts of such calls in the source; template values are replaced by 0. */
function messagesOf(call: RegExp): readonly string[] {
  const texts = new RegExp(`${call.source}(?:"([^"]+)"|\`([^\`]+)\`)`, "g");
  const filled = sources.flatMap((source) =>
    [...source.matchAll(texts)].map(([, plain, template = plain]) =>
      template?.replaceAll(/\$\{[^}]*\}/g, "0"),
    ),
  );
  // Some calls only pass on the message of another error: they have no text of their own.
  return filled.filter((text) => text !== undefined && /[a-z]{3}/.test(text)) as string[];
}

/** The members of a union of string literals. */
function membersOf(file: string, union: string): readonly string[] {
  const declared = readFileSync(join(SRC, file), "utf8").match(new RegExp(`type ${union} =([^;]*);`))?.[1];
  return [...(declared ?? "").matchAll(/"(\w+)"/g)].map(([, member]) => member as string);
}

describe("the handbook contains", () => {
  test.each([
    ...membersOf("wal/wal.ts", "LogErrorCode"),
    ...membersOf("archive/archive-error.ts", "ArchiveErrorCode"),
    ...Object.entries(PROBLEMS).flatMap(([code, { status }]) => (status === 503 ? [code] : [])),
  ])("the code %s", (code) => {
    expect(HANDBOOK).toContain(`\`${code}\``);
  });

  test("the test finds all error codes in the source", () => {
    expect(membersOf("wal/wal.ts", "LogErrorCode").length).toBeGreaterThanOrEqual(10);
    expect(membersOf("archive/archive-error.ts", "ArchiveErrorCode").length).toBeGreaterThanOrEqual(4);
  });

  const warnings = sources.flatMap((source) =>
    [...source.matchAll(/\blog(?:\.|\[isWarning \? ")(?:warn|error)\b[^;]*?"([^"]+)"\)/g)].map(
      ([, message]) => message as string,
    ),
  );

  test.each(warnings)("the line `%s`, with what to do", (message) => {
    expect(HANDBOOK).toMatch(new RegExp(`^\\| \`${message}\` \\| [45]0 \\| .+ \\| .+ \\|$`, "m"));
  });

  test("the test finds all warnings and errors in the source", () => {
    const calls = sources.join("\n").match(/\blog(?:\.(?:warn|error)\(|\[isWarning)/g);
    expect(warnings.length).toBe(calls?.length);
  });

  test.each(messagesOf(/new OperatingError\(\s*"(?:overloaded|log_unavailable)",\s*/))(
    "the detail `%s`",
    (detail) => {
      expect(alarmsBelow("Callers get 503", 1).some((alarm) => alarm.test(detail))).toBe(true);
    },
  );

  const lost = messagesOf(/(?:#lost\(|lostData\([\w.]+,)\s*/).map(
    (reason) => `0 has lost data: ${reason}. Restore it`,
  );

  test.each([
    ...messagesOf(/new LogError\(\s*"\w+",\s*/).filter((text) => !text.startsWith("0 has lost data: 0. ")),
    ...lost,
    ...messagesOf(/new ArchiveError\(\s*"archive_\w+",\s*/),
    ...messagesOf(/#damaged\(/).map((how) => `the archive's index file 0 ${how}; remove the folder`),
  ])("the reason `%s`", (reason) => {
    const known = [
      ...alarmsBelow("It has ended, or does not start"),
      ...alarmsBelow("It is up, but /readyz says 503"),
    ];
    const said = [reason, `the archive has failed: ${reason}`];
    expect(said.some((text) => known.some((alarm) => alarm.test(text)))).toBe(true);
  });

  test("the test finds all reasons of lost data in the source", () => {
    expect(lost.length).toBeGreaterThanOrEqual(8);
  });
});

/** The last line of a refused start. */
async function lastLine(settings: Settings): Promise<string> {
  const { code, lines } = await refusedStart(settings);
  expect(code).toBe(1);
  const line = /^daybook: (.*)$/.exec(lines.at(-1) ?? "")?.[1];
  if (line === undefined) throw new Error(`it said: ${lines.join("\n")}`);
  return line;
}

function expectKnown(line: string, heading: string): void {
  const known = alarmsBelow(heading).filter((alarm) => alarm.test(line));
  expect(known, line).not.toEqual([]);
}

/** Expects a refused start with a line that is in the handbook. */
async function expectKnownRefusal(settings: Settings): Promise<void> {
  expectKnown(await lastLine(settings), "It has ended, or does not start");
}

/** A folder with an embedded log of a stopped server. */
async function usedFolder(shards = "1"): Promise<string> {
  const dir = testFolder();
  const server = await testServer({ DATA_DIR: dir, SHARDS: shards });
  server.signal("SIGTERM");
  await server.exited;
  return dir;
}

describe("the handbook explains the message of a refused start:", () => {
  test("a bad setting, a bad log address", async () => {
    await expectKnownRefusal({ DATA_DIR: testFolder(), SHARDS: "none" });
    await expectKnownRefusal({ DATA_DIR: testFolder(), WAL_URL: "mysql://here" });
  });

  test("a port or a folder in use", async () => {
    const dir = testFolder();
    const server = await testServer({ DATA_DIR: dir });
    await expectKnownRefusal({ DATA_DIR: testFolder(), PORT: new URL(server.url).port });
    await expectKnownRefusal({ DATA_DIR: dir });
  });

  test("a different number of shards, a damaged witness, a missing or damaged log", async () => {
    const dir = await usedFolder();
    await expectKnownRefusal({ DATA_DIR: dir, SHARDS: "3" });
    const witness = join(dir, "witness-g1s0.json");
    const text = readFileSync(witness, "utf8");
    writeFileSync(witness, "{");
    await expectKnownRefusal({ DATA_DIR: dir });
    writeFileSync(witness, text);
    await expectKnownRefusal({ DATA_DIR: dir, WAL_URL: `sqlite:${testFolder()}` });
    writeFileSync(join(dir, "wal", "g1s0.sqlite"), "this is no database, whatever its name says".repeat(100));
    await expectKnownRefusal({ DATA_DIR: dir });
  });

  test("an archive that is no database, and one of a newer version", async () => {
    const dir = testFolder();
    const server = await testServer({ DATA_DIR: dir });
    const partner = new Client(server.url, await makePartner(operator(server)));
    expect((await partner.send("POST", "/v1/accounts", { id: "a", asset: "PTS/0" })).status).toBe(201);
    partner.close();
    server.signal("SIGTERM");
    await server.exited;
    const archive = join(dir, "archive");
    const database = new DatabaseSync(join(archive, "archive.sqlite"));
    database.exec("UPDATE settings SET value = 99 WHERE name = 'format'");
    database.close();
    await expectKnownRefusal({ DATA_DIR: dir });
    writeFileSync(join(archive, "archive.sqlite"), "no database ".repeat(1_000));
    await expectKnownRefusal({ DATA_DIR: dir });
  });

  test("a weak Redis setting, a wrong password, a user without rights to snapshots, a refused login", async () => {
    const redis = await testRedis({ settings: { appendfsync: "everysec" } });
    await expectKnownRefusal({ DATA_DIR: testFolder(), WAL_URL: redis.url });
    const client = redis.client();
    await client.config("SET", "appendfsync", "always");
    const rights = "+ping +info +config|get +client|setname +xadd +xrange +xrevrange +xinfo|stream +xtrim";
    await client.acl("SETUSER", "before", "on", ">secret", "~daybook:*", ...rights.split(" "));
    const as = (password: string) => redis.url.replace("unix://", `unix://before:${password}@localhost`);
    await expectKnownRefusal({ DATA_DIR: testFolder(), WAL_URL: as("wrong") });
    await expectKnownRefusal({ DATA_DIR: testFolder(), WAL_URL: as("secret") });
  });

  test("a log older than DATA_DIR, and an archive with a different history", async () => {
    const dir = await usedFolder();
    const copy = testFolder();
    cpSync(dir, copy, { recursive: true });
    for (const each of [dir, copy]) {
      const server = await testServer({ DATA_DIR: each });
      const client = operator(server);
      const partner = new Client(server.url, await makePartner(client, "acme"));
      // The list is answered once the archive has everything that was done before.
      await partner.get("/v1/transfers");
      partner.close();
      client.close();
      server.signal("SIGTERM");
      await server.exited;
    }
    cpSync(join(copy, "wal"), join(dir, "wal"), { recursive: true });
    await expectKnownRefusal({ DATA_DIR: dir });
    rmSync(join(dir, "witness-g1s0.json"));
    await expectKnownRefusal({ DATA_DIR: dir });
  }, 180_000);
});

test("the handbook explains /readyz and the callers' errors while Redis is away or refuses", async () => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" });
  const client = operator(server);
  const reasons = async () => {
    const { status, text } = await client.send("GET", "/readyz");
    return status === 200 ? [] : (JSON.parse(text) as { reasons: string[] }).reasons;
  };
  redis.pause();
  await until(
    "it is not ready",
    async () => (await reasons()).some((reason) => reason.includes("stalled")),
    30_000,
  );
  for (const reason of await reasons()) expectKnown(reason, "It is up, but /readyz says 503");
  const refused = await client.send("POST", "/v1/partners", { id: "acme", name: "Acme" });
  expect(codeOf(refused)).toBe("log_unavailable");
  const { detail } = JSON.parse(refused.text) as { detail: string };
  expect(
    alarmsBelow("Callers get 503", 1).some((alarm) => alarm.test(detail)),
    detail,
  ).toBe(true);
  redis.resume();
  await until("it is ready again", async () => (await reasons()).length === 0, 30_000);
  await redis.client().config("SET", "appendfsync", "no");
  await until(
    "it has seen the setting",
    async () => (await reasons()).join().includes("may lose data"),
    30_000,
  );
  for (const reason of await reasons()) {
    expectKnown(reason, "It is up, but /readyz says 503");
    expectKnown(reason.replace(/^shard \d+ is \w+: /, ""), "It is up, but /readyz says 503");
  }
  client.close();
});
