/** A private redis-server with the settings that the log requires; unix socket, no port. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Spawned, start, stop, waitForLine } from "./child-processes.ts";

const REDIS = "redis-server";

export const REDIS_SETTINGS: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
  save: "",
};

export type PrivateRedis = Readonly<{ url: string; socket: string; pid: number; stop(): Promise<void> }>;

export async function startRedis(folder: string): Promise<PrivateRedis> {
  mkdirSync(folder, { recursive: true });
  const socket = join(folder, "s.sock");
  const settings = { port: "0", unixsocket: socket, unixsocketperm: "700", dir: folder, ...REDIS_SETTINGS };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const spawned: Spawned = start(REDIS, args);
  await waitForLine(spawned, /ready to accept connections/i);
  return { url: `redis+unix://${socket}`, socket, pid: spawned.pid, stop: () => stop(spawned) };
}

export function redisVersion(): string {
  const text = execFileSync(REDIS, ["--version"], { encoding: "utf8" });
  return /v=(\S+)/.exec(text)?.[1] ?? text.trim();
}
