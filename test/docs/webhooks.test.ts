/** The receiver of docs/WEBHOOKS.md runs as it is written there. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { agentFor, postEvent } from "../../src/webhooks/post-event.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("the documented receiver accepts signed events, shows them, and refuses others", async () => {
  const page = readFileSync(join(ROOT, "docs/WEBHOOKS.md"), "utf8");
  const code = /^```js\n(.*?)^```/ms.exec(page)?.[1] ?? "";
  const port = await freePort();
  const env = { WEBHOOK_SECRET: SECRET, PORT: String(port) };
  const receiver = spawn(process.execPath, ["--input-type=module", "-e", code], { cwd: ROOT, env });
  onTestFinished(() => void receiver.kill());
  let shown = "";
  receiver.stdout.on("data", (text: Buffer) => {
    shown += text.toString("utf8");
  });
  const url = `http://127.0.0.1:${port}/`;
  const body = JSON.stringify({ id: "ev_1", type: "transfer.posted", subject: "alice", data: { amount: 5 } });
  const post = (...secrets: readonly string[]) => {
    const agent = agentFor(url);
    onTestFinished(() => agent.destroy());
    return postEvent({ url, secrets, agent }, "ev_1", body, { allowPrivate: true, nowMs: Date.now() });
  };
  await until("it listens", async () => (await post(SECRET)).status === 204);
  await until("it shows the event", () => shown.includes("ev_1 transfer.posted alice { amount: 5 }"));
  expect((await post(OTHER)).status).toBe(400);
  expect((await post(OTHER, SECRET)).status).toBe(204);
});
