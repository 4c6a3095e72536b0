/** The README's tour, as a reader would paste it, against a server of its own. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { OPERATOR_KEY, type ServerProcess, testFolder, testServer } from "../support/server.ts";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const TOUR = README.slice(
  README.indexOf("## Five minutes with curl"),
  README.indexOf("## What is guaranteed"),
);

/** Runs a block of the tour line by line; each command's answer, with its status in front. */
async function run(
  block: string,
  server: ServerProcess,
  partnerKey: string,
  transfer = "",
): Promise<string[]> {
  const commands = block
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.startsWith("curl "));
  const env = {
    ...process.env,
    URL: `${server.url}/v1`,
    OPERATOR_KEY,
    PARTNER_KEY: partnerKey,
    TRANSFER: transfer,
  };
  const answers: string[] = [];
  for (const command of commands) {
    const shown = command.replace(/^curl /, "curl -s -w '%{stderr}%{http_code}' ");
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", shown], { env });
    answers.push(`${stderr} ${stdout}`);
  }
  return answers;
}

test("the tour answers what it says", async () => {
  const server = await testServer({ DATA_DIR: testFolder() });
  const blocks = [...TOUR.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block as string);
  const [partner, opening, spending, holding, taking, books] = blocks as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [made = ""] = await run(partner, server, "");
  expect(made).toMatch(/^201 /);
  const { api_key: key } = JSON.parse(made.slice(4)) as { api_key: string };
  const opened = await run(opening, server, key);
  expect(opened.map((answer) => answer.slice(0, 3))).toEqual(["201", "201", "201"]);
  const again = await run(opening.slice(opening.indexOf("curl $URL/transfers")), server, key);
  expect(again[0]).toBe(opened[2]);
  const spent = await run(spending, server, key);
  expect(spent[0]).toMatch(/^201 .*"available":380/);
  expect(spent[1]).toMatch(/^422 .*"insufficient_funds"/);
  const [held = ""] = await run(holding, server, key);
  expect(held).toMatch(/^201 .*"status":"pending".*"available":180/);
  const { id } = JSON.parse(held.slice(4)) as { id: string };
  const [taken, reverted] = await run(taking, server, key, id);
  expect(taken).toMatch(/^200 .*"status":"posted".*"available":230/);
  expect(reverted).toMatch(/^201 .*"available":380/);
  const [entries, reconciliation, trial] = await run(books, server, key);
  expect(entries).toMatch(/^200 .*"amount":-120,"balance_after":380/);
  expect(reconciliation).toMatch(/^200 .*"reconciled":true/);
  expect(trial).toMatch(/^200 .*"balanced":true/);
});

test("the line that the first start prints works when it is pasted", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), OPERATOR_KEY: "" });
  const line = server.stdout.split("\n").find((each) => each.startsWith("try: "));
  const { stdout } = await promisify(execFile)("bash", [
    "-c",
    (line as string).replace("try: curl", "curl -s"),
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ id: "acme", api_key: expect.any(String) });
});
