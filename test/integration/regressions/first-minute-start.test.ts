/** A start that fails or has to wait prints one clear line that says what to do. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { SETTINGS } from "../../../src/config.ts";
import { daybook } from "../../cli/cli.ts";
import {
  MAIN,
  operator,
  readiness,
  refusedStart,
  ServerProcess,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";

async function refusal(settings: Settings): Promise<string> {
  const { code, lines } = await refusedStart({ DATA_DIR: testFolder(), ...settings });
  expect({ code, count: lines.length }, lines.join("\n")).toEqual({ code: 1, count: 1 });
  return lines[0] ?? "";
}

describe("a wrong setting is named", () => {
  test("in one line, with what it must be", async () => {
    const says = "OPERATOR_KEY: must have at least 32 characters";
    expect(await refusal({ OPERATOR_KEY: "short" })).toBe(`daybook: bad configuration: ${says}`);
  });

  test.each([
    [["--prot", "1"], "Unknown option '--prot'"],
    [["#", "serves"], "Unexpected argument '#'"],
    [["--port"], "Option '--port <value>' argument missing"],
  ])("%j", async (args, says) => {
    const server = ServerProcess.launch({ DATA_DIR: testFolder() }, [process.execPath, MAIN, ...args]);
    const { code, lines } = await server.exited;
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [expect.stringMatching(/^daybook: bad configuration: [^.]*; `--help` lists every setting$/)],
    });
    expect(lines[0]).toContain(says);
  });
});

test("a port in use and an address of another machine are named", async () => {
  const { url } = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
  const { host, port } = new URL(url);
  for (const GATEWAYS of ["1", "2"])
    expect(await refusal({ PORT: port, GATEWAYS })).toBe(
      `daybook: PORT: ${host} is in use (EADDRINUSE): stop the program that has it, or take another port; 0 takes any free one`,
    );
  expect(await refusal({ HOST: "192.0.2.1" })).toBe(
    "daybook: HOST: 192.0.2.1 is not an address of this machine (EADDRNOTAVAIL)",
  );
});

describe("a folder that is not writable is named", () => {
  test("if it is a file, is below a file, or has a folder in the place of the lock file", async () => {
    const file = join(testFolder(), "file");
    writeFileSync(file, "");
    for (const folder of [file, join(file, "below")])
      expect(await refusal({ DATA_DIR: folder })).toContain(`the folder ${folder} cannot be written to: `);
    const folder = testFolder();
    mkdirSync(join(folder, "lock.sqlite"));
    expect(await refusal({ DATA_DIR: folder })).toContain(`the folder ${folder} cannot be written to: `);
  });

  test("if it is the folder of the log or of the archive", async () => {
    const file = join(testFolder(), "file");
    writeFileSync(file, "");
    expect(await refusal({ WAL_URL: `sqlite:${file}` })).toContain(
      `the folder ${file} cannot be written to: `,
    );
    const folder = testFolder();
    writeFileSync(join(folder, "archive"), "");
    expect(await refusal({ DATA_DIR: folder })).toContain(join(folder, "archive"));
  });
});

describe("Redis", () => {
  test("that refuses the login or is misconfigured: the line names `daybook doctor`, once", async () => {
    const redis = await testRedis({ settings: { appendfsync: "everysec" } });
    const hint = /^daybook: [^\n]*`npx daybook doctor` says what to change$/;
    expect(await refusal({ WAL_URL: redis.url })).toMatch(hint);
    await redis.client().acl("SETUSER", "weak", "on", ">secret", "~daybook:*", "+ping");
    for (const password of ["wrong", "secret"]) {
      const WAL_URL = redis.url.replace("unix://", `unix://weak:${password}@localhost`);
      const line = await refusal({ WAL_URL });
      expect(line).toMatch(hint);
      expect(line).not.toContain("doctor` says what to change. ");
    }
  });

  test("that is unreachable: the log says once that the server waits for it, and why", async () => {
    let tries = 0;
    const away = createServer((socket) => {
      tries += 1;
      socket.destroy();
    });
    await once(away.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => void away.close());
    const { port } = away.address() as AddressInfo;
    const server = ServerProcess.launch({ DATA_DIR: testFolder(), WAL_URL: `redis://127.0.0.1:${port}` });
    onTestFinished(async () => void (await server.kill()));
    const waiting = () => server.stdout.split("\n").filter((line) => line.includes("waiting for the log"));
    await until("it has tried for a while, and has said so", () => tries >= 8 && waiting().length > 0);
    expect(JSON.parse(waiting()[0] ?? "")).toMatchObject({
      level: 40,
      reason: expect.stringContaining("Redis does not answer: "),
    });
    expect(waiting().length).toBe(1);
    expect(server.running).toBe(true);
  });
});

describe("help lists every setting with its default", () => {
  test.each([
    ["npm start", () => promisify(execFile)(process.execPath, [MAIN, "--help"], { env: { PORT: "abc" } })],
    ["daybook serve", () => daybook(["serve", "--help"])],
  ])("of %s", async (_, ask) => {
    const { stdout, stderr } = await ask();
    expect(stderr).toBe("");
    for (const [name, setting] of Object.entries(SETTINGS).filter(([, each]) => !("hidden" in each))) {
      const initial = "initial" in setting ? setting.initial : setting.otherwise;
      const flag = `--${name.toLowerCase().replaceAll("_", "-")}`;
      expect(stdout).toContain(`  ${name}, ${flag}  (default: ${initial})\n      `);
    }
    expect(stdout).not.toContain("FAILPOINTS");
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

test("the log is readable lines on a terminal, and JSON otherwise", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "1", LOG_LEVEL: "info" };
  const piped = await testServer(settings);
  await readiness(operator(piped));
  await until("its request is logged", () => piped.stdout.includes('"route":"/readyz"'));
  await piped.kill();

  // script(1) provides a terminal; -e passes the exit code on.
  const command = `exec '${process.execPath}' '${MAIN}'`;
  const shown = ServerProcess.launch(settings, ["script", "-qefc", command, "/dev/null"]);
  onTestFinished(() => shown.killGroup());
  await shown.serving();
  const { status } = await fetch(`${shown.url}/readyz?secret=1`);
  expect(status).toBe(400);
  await until("its request is logged", () =>
    /\d\d:\d\d:\d\d\.\d{3} info {2}GET \/readyz 400 [\d.]+ ms/.test(shown.stdout),
  );
  expect(shown.stdout).not.toContain('"level"');
  expect(shown.stdout).not.toContain("secret");
});
