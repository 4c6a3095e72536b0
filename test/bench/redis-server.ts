/** A private redis-server with the settings that the log requires; unix socket, no port. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Spawned, start, stop, waitForLine } from "./child-processes.ts";

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
  const spawned: Spawned = start("redis-server", args);
  await waitForLine(spawned, /ready to accept connections/i);
  return { url: `redis+unix://${socket}`, socket, pid: spawned.pid, stop: () => stop(spawned) };
}
