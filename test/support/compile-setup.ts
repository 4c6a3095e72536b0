/**
 * Compiles the server's code before the first test: a process that is killed keeps nothing of what it has compiled, and
 * most servers of the tests are killed.
 */
import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { globSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeScratchFolder } from "./scratch-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Together they load every module that a server may load. */
const SERVERS = [{ GATEWAYS: "2" }, { ISOLATION: "processes" }] as const;
const RUN_MS_MAX = 120_000;

/** Once for each state of the source in this folder. */
export async function setup(): Promise<void> {
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env;
  if (NODE_COMPILE_CACHE === undefined) return;
  const done = join(NODE_COMPILE_CACHE, `done-${hash("sha256", ROOT, "hex").slice(0, 16)}`);
  const doneMs = statSync(done, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const files = globSync("src/**/*.ts", { cwd: ROOT });
  if (files.every((file) => statSync(join(ROOT, file)).mtimeMs < doneMs)) return;
  const env = { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, PORT: "0", SHARDS: "1", LOG_LEVEL: "warn" };
  await Promise.all(SERVERS.map((settings) => startAndStop({ ...env, ...settings })));
  writeFileSync(done, "");
}

async function startAndStop(env: NodeJS.ProcessEnv): Promise<void> {
  const folder = makeScratchFolder("daybook-compiled");
  const child = spawn(process.execPath, ["src/main.ts"], {
    cwd: ROOT,
    env: { ...env, DATA_DIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  const ended = once(child, "close");
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes("serves on")) child.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
