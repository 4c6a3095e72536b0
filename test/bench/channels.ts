/**
 * Measures the channels between a gateway and a shard: between threads a port; between processes a local socket, or
 * the IPC channel of a child to its parent. Each with one message in flight, and with many.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";
import { openChannel, portsOf } from "../../src/workers/channels/open-channel.ts";
import { SocketFolder } from "../../src/workers/channels/socket-folder.ts";
import type { BenchContext } from "./bench-context.ts";
import type { EchoMessage } from "./channel-echo.ts";
import { cpuUsOfTree } from "./process-tree.ts";

const ECHO = fileURLToPath(new URL("channel-echo.ts", import.meta.url));
const WAYS = ["port", "socket", "ipc_json", "ipc_advanced"] as const;
const SIZES = [100, 2_048, 102_400] as const;
const IN_FLIGHT = 64;
const WARM_UP_MS = 300;
const RUN_MS = 500;

type Way = (typeof WAYS)[number];

/** An open channel to an echo. */
type Echo = Readonly<{ send: (bytes: Uint8Array<ArrayBuffer>) => void; stop: () => Promise<void> }>;

/** `cpuUs`: processor time of both sides and the system per message, there and back. */
type Measurement = Readonly<{ perSecond: number; cpuUs: number }>;

export async function measureChannels(bench: BenchContext): Promise<void> {
  for (const way of WAYS) {
    for (const bytes of SIZES) {
      const name = `channel.${way}.${bytes}`;
      if (bench.wants(name)) await measureWay(bench, name, way, bytes);
    }
  }
}

async function measureWay(bench: BenchContext, name: string, way: Way, bytes: number): Promise<void> {
  const alone: Measurement[] = [];
  const many: Measurement[] = [];
  for (let i = 0; i < bench.options.runs; i++) {
    alone.push(await bounce(way, bytes, 1));
    many.push(await bounce(way, bytes, IN_FLIGHT));
  }
  const settings = { way, message_bytes: bytes, in_flight: IN_FLIGHT };
  bench.emit({
    name: `${name}.round_trip`,
    unit: "us",
    settings: { ...settings, in_flight: 1 },
    runs: alone.map(({ perSecond }) => 1e6 / perSecond),
  });
  bench.emit({
    name: `${name}.rate`,
    unit: "messages/s, there and back",
    settings,
    runs: many.map(({ perSecond }) => perSecond),
  });
  bench.emit({
    name: `${name}.cpu`,
    unit: "us of processor time per message, there and back",
    settings,
    runs: many.map(({ cpuUs }) => cpuUs),
  });
}

/** Keeps `inFlight` messages in flight. */
async function bounce(way: Way, bytes: number, inFlight: number): Promise<Measurement> {
  const { promise, resolve } = Promise.withResolvers<Measurement>();
  const message = new Uint8Array(bytes).fill(42);
  // Each has its own memory, since it is transferred.
  const sendOne = () => echo.send(new Uint8Array(message));
  const warmMs = performance.now() + WARM_UP_MS;
  let begun: Readonly<{ ms: number; cpuUs: number }> | undefined;
  let count = 0;
  const echo = openEcho(way, () => {
    const nowMs = performance.now();
    if (begun !== undefined) count += 1;
    else if (nowMs >= warmMs) begun = { ms: nowMs, cpuUs: cpuUsOfTree(process.pid) };
    const ms = nowMs - (begun?.ms ?? nowMs);
    if (begun === undefined || ms < RUN_MS || count < inFlight) sendOne();
    else {
      const cpuUs = (cpuUsOfTree(process.pid) - begun.cpuUs) / count;
      resolve({ perSecond: (count / ms) * 1000, cpuUs });
    }
  });
  for (let i = 0; i < inFlight; i++) sendOne();
  const measured = await promise;
  await echo.stop();
  return measured;
}

function openEcho(way: Way, receive: () => void): Echo {
  switch (way) {
    case "port":
      return threadEcho(receive);
    case "socket":
      return socketEcho(receive);
    case "ipc_json":
      return childEcho("json", receive);
    case "ipc_advanced":
      return childEcho("advanced", receive);
  }
}

function threadEcho(receive: () => void): Echo {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(ECHO);
  worker.postMessage({ end: port2 } satisfies EchoMessage, [...portsOf(port2)]);
  const channel = openChannel(port1, { receive, closed: () => {} });
  return {
    send: (bytes) => channel.post(bytes),
    async stop() {
      channel.close();
      await worker.terminate();
    },
  };
}

function socketEcho(receive: () => void): Echo {
  const folder = new SocketFolder();
  const [there, here] = folder.pair();
  const child = fork(ECHO);
  child.send({ end: there } satisfies EchoMessage);
  const channel = openChannel(here, { receive, closed: () => {} });
  return {
    send: (bytes) => channel.post(bytes),
    async stop() {
      channel.close();
      await ended(child);
      folder.remove();
    },
  };
}

/** JSON has no bytes: they are sent as text. */
function childEcho(serialization: "json" | "advanced", receive: () => void): Echo {
  const child = fork(ECHO, { serialization });
  child.on("message", receive);
  return {
    send: (bytes) =>
      void child.send(serialization === "json" ? Buffer.from(bytes.buffer).toString("base64") : bytes),
    stop: () => ended(child),
  };
}

/** Kills the child; it also exits when its parent does. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, "exit");
  child.kill();
  await exit;
}
