/** Pastes the README's tour, and the commands that the program itself proposes, into shells, against a real server. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { CliProcess, daybook } from "../cli/cli.ts";
import { blocksOf } from "../docs/handbook.ts";
import { type Printed, paste, SHELLS } from "../support/paste.ts";
import { Client, makePartner, OPERATOR_KEY, operator, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ROOT), "utf8");

const BLOCKS = blocksOf(read("README.md"));
/** The blocks of the tour, in order. */
const TOUR = BLOCKS.filter(({ section }) => section === "Five minutes with curl");
/** The lines about events. */
const EVENTS = BLOCKS.filter(({ section }) => section === "Follow events").map(({ text }) => text.trim());

/** The command that a start proposes. */
function proposed(stdout: string): string {
  return /^try: (.*)$/m.exec(stdout)?.[1] ?? "";
}

function member(printed: Printed | undefined, name: string): string {
  return (JSON.parse(printed?.text ?? "{}") as Record<string, string>)[name] ?? "";
}

describe.each(SHELLS)("in %s", (_, shell) => {
  test("the README's tour gets the answers that it describes", async () => {
    const server = await testServer({ DATA_DIR: testFolder() });
    const answers: Printed[] = [];
    let exported = "";
    for (const { text } of TOUR) {
      if (!text.startsWith("export ")) {
        answers.push(...(await paste(shell, exported + text)));
        continue;
      }
      const values = new Map([
        ["OPERATOR_KEY", OPERATOR_KEY],
        ["PARTNER_KEY", member(answers.at(-1), "api_key")],
        ["TRANSFER", member(answers.at(-1), "id")],
      ]);
      exported += text
        .replace("http://127.0.0.1:3000", server.url)
        .replaceAll(/(\w+)=…/g, (__, name: string) => `${name}=${values.get(name)}`);
    }
    expect(answers.map(({ status }) => status)).toEqual([
      201, 201, 201, 201, 201, 422, 201, 200, 201, 200, 200, 200,
    ]);
    const texts = answers.map(({ text }) => text);
    expect(texts[4]).toContain('"available":380');
    expect(texts[5]).toContain('"insufficient_funds"');
    expect(texts[6]).toMatch(/"status":"pending".*"available":180/);
    expect(texts[7]).toMatch(/"status":"posted".*"available":230/);
    expect(texts[8]).toContain('"available":380');
    expect(texts[9]).toContain('"amount":-120,"balance_after":380');
    expect(texts[10]).toContain('"reconciled":true');
    expect(texts[11]).toContain('"balanced":true');

    const opening = TOUR.find(({ text }) => text.includes("Idempotency-Key"))?.text ?? "";
    const [again] = await paste(shell, exported + opening.slice(opening.indexOf("curl -i")));
    expect(again?.headers.toLowerCase()).toContain("idempotency-replayed: true");
    expect(again?.text).toBe(answers[3]?.text);
  });

  test("the commands that a start prints work", async () => {
    const settings = { DATA_DIR: testFolder(), OPERATOR_KEY: "" };
    const first = await testServer(settings);
    const [made] = await paste(shell, `${proposed(first.stdout)}\n`);
    expect({ status: made?.status, id: member(made, "id") }).toEqual({ status: 201, id: "acme" });
    await first.kill();
    const second = await testServer(settings);
    expect(await paste(shell, `${proposed(second.stdout)}\n`)).toMatchObject([{ status: 200 }]);
  });

  test("the commands that the demo proposes work", async () => {
    const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
    const { stdout } = await daybook(["seed", "--url", server.url], { OPERATOR_KEY });
    const lines = stdout.split("\n").filter((line) => line.includes("curl "));
    expect(lines.some((line) => line.includes("?"))).toBe(true);
    const answers = await paste(shell, `${lines.join("\n")}\n`);
    expect(answers.map(({ status }) => status)).toEqual(lines.map(() => 200));
  });
});

test("the README's ways to follow events show them", async () => {
  const server = await testServer({ DATA_DIR: testFolder() });
  const admin = operator(server);
  const key = await makePartner(admin);
  const partner = new Client(server.url, key);
  const move = { debit_account: "@in", credit_account: "alice", amount: 30 };
  await partner.ask("POST", "/v1/accounts", { id: "alice", asset: "USD/2" });
  const list = EVENTS.find((line) => line.includes("limit=")) ?? "";
  const stream = EVENTS.find((line) => line.startsWith("curl -N")) ?? "";
  const commands = EVENTS.filter((line) => line.startsWith("npx daybook ")).map((line) =>
    line.split(" ").slice(2),
  );
  expect(commands.map(([name]) => name)).toEqual(["listen", "listen", "trigger"]);
  const env = { URL: `${server.url}/v1`, PARTNER_KEY: key, OPERATOR_KEY, PORT: new URL(server.url).port };
  const curl = spawn("sh", ["-c", `exec ${stream}`], { env: { ...env, PATH: process.env["PATH"] } });
  onTestFinished(() => void curl.kill("SIGKILL"));
  let streamed = "";
  curl.stdout.setEncoding("utf8").on("data", (text: string) => {
    streamed += text;
  });
  const listeners = commands.slice(0, 2).map((args) => new CliProcess(args, env));
  await until("all of them show events", async () => {
    await partner.ask("POST", "/v1/transfers", move);
    return [streamed, ...listeners.map(({ stdout }) => stdout)].every((text) =>
      text.includes("transfer.posted"),
    );
  });
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${value}\n`);
  const [listed] = await paste(["sh", "-s"], `${exports.join("")}${list}\n`);
  expect(listed).toMatchObject({ status: 200, text: expect.stringContaining('"transfer.posted"') });
  expect(await daybook(commands[2] ?? [], env)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^ev_/),
  });
  for (const client of [admin, partner]) client.close();
});

/** The lines of a block that an interactive zsh would misread: comments, and an unquoted `?`. */
function traps(text: string): readonly string[] {
  const bare = text.replaceAll(/'[^']*'|"(?:[^"\\]|\\.)*"/g, (quoted) => quoted.replaceAll(/[^\n]/g, "x"));
  const lines = text.split("\n");
  return bare.split("\n").flatMap((line, index) => (/(^|\s)#|\S\?\S/.test(line) ? [lines[index] ?? ""] : []));
}

test.each(["README.md", "docs/OPERATIONS.md", "docs/BENCHMARKS.md"])(
  "no command line of %s has a comment or an unquoted ?",
  (file) => {
    const typed = blocksOf(read(file)).filter(({ kind }) => kind === "sh");
    expect(typed.flatMap(({ text }) => traps(text))).toEqual([]);
  },
);

test("the check finds a comment and an unquoted ?", () => {
  expect(traps("ls   # here\ncurl a/b?c\ncurl 'a?b' \"#\"\n# alone\n")).toEqual([
    "ls   # here",
    "curl a/b?c",
    "# alone",
  ]);
});
