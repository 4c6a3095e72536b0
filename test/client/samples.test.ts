/** The samples of docs/CLIENT.md: type-checked, built, and run against a real server by each Node.js there is. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createDaybook } from "../../clients/typescript/src/index.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { until } from "../support/until.ts";
import { freePort, sharedWorld } from "./daybooks.ts";
import { buildSamples, fileOf, SAMPLES } from "./samples.ts";

const PROGRAMMES = ["Loyalty", "Vouchers", "Segments", "Top-up", "Wallets"];
const RUN_MS_MAX = 60_000;
/** The receiver of webhooks does not end. */
const ENDING = SAMPLES.filter(({ section }) => section !== "Webhooks");

const versionOf = (path: string) => execFileSync(path, ["--version"], { encoding: "utf8" }).trim();

/** Paths by version: the pinned Node.js, and others that the PATH has, as the one that came with the machine. */
function nodes(): ReadonlyMap<string, string> {
  const found = execFileSync("which", ["-a", "node"], { encoding: "utf8" }).trim().split("\n");
  return new Map([...found, process.execPath].map((path) => [versionOf(path), path]));
}

const folder = makeScratchFolder("daybook-samples");
const world = sharedWorld({ WEBHOOKS_ALLOW_PRIVATE: "true" });
let faults = "";
beforeAll(() => {
  faults = buildSamples(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the client and its samples have no type errors, and each programme has a sample", () => {
  expect(faults).toBe("");
  expect(SAMPLES.map(({ section }) => section)).toEqual(expect.arrayContaining(PROGRAMMES));
  expect(ENDING.filter(({ printed }) => printed.length === 0)).toEqual([]);
});

describe.each([...nodes()])("with Node.js %s", (version, node) => {
  /** The built sample, with e-mails of its own: a server knows a wallet's e-mail once. */
  function programOf(section: string): string {
    const text = readFileSync(join(folder, fileOf(section, "js")), "utf8");
    const file = join(folder, `${version}-${fileOf(section, "js")}`);
    writeFileSync(file, text.replaceAll("@example.com", `@${version}.example.com`));
    return file;
  }

  test.each(ENDING)("the sample of $section prints what it says", async ({ section, printed }) => {
    const key = await world.newKey();
    const env = {
      DAYBOOK_URL: world.server.url,
      PARTNER_KEY: key,
      BANK_KEY: await bankKey(`${version}-${section}`.replaceAll(" ", "-")),
      LAST_EVENT_ID: section === "Events" ? await eventBeforeTransfer(key) : "",
    };
    const options = { env, timeout: RUN_MS_MAX };
    const { stdout } = await promisify(execFile)(node, [programOf(section)], options);
    expect(stdout.trimEnd().split("\n")).toEqual(printed);
  });

  test("the receiver of webhooks accepts those of a real server, and no others", async () => {
    const partner = await world.newPartner();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const { id, secret } = await partner.post("/v1/webhooks", { body: { url } });
    const env = { PORT: String(port), WEBHOOK_SECRETS: secret ?? "" };
    const receiver = spawn(node, [programOf("Webhooks")], { env });
    onTestFinished(() => void receiver.kill());
    let shown = "";
    receiver.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
    });
    await until(
      "it refuses what is not signed",
      async () => (await fetch(url, { method: "POST" })).status === 400,
    );
    await partner.post("/v1/webhooks/{id}/test", { path: { id } });
    await until("the event is shown", () => shown === "webhook.test\n");
  });
});

async function bankKey(name: string): Promise<string> {
  const path = { id: "house" };
  const body = { role: "bank", name } as const;
  const { api_key: key } = await world.operator.post("/v1/partners/{id}/keys", { path, body });
  return key ?? "";
}

/** @returns the id of an event that a transfer follows */
async function eventBeforeTransfer(key: string): Promise<string> {
  const partner = createDaybook({ url: world.server.url, key });
  await partner.post("/v1/accounts", { body: { id: "alice/points", asset: "PTS/0" } });
  await partner.post("/v1/transfers", {
    body: { debit_account: "@in", credit_account: "alice/points", amount: 500 },
  });
  const { data } = await partner.get("/v1/events", { query: { types: "account.created" } });
  return data[0]?.id ?? "";
}
