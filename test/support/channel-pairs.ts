/** Both ends of a channel, of each kind, for tests that must pass with all of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterAll } from "vitest";
import type { ChannelEnd } from "../../src/workers/channels/open-channel.ts";
import { socketPair } from "../../src/workers/channels/socket-channel.ts";

export type ChannelPair = () => readonly [ChannelEnd, ChannelEnd];

/** Channel pairs by name. Call it once at the top of a test file. */
export function channelPairs(): readonly (readonly [name: string, pair: ChannelPair])[] {
  const folder = mkdtempSync(join(tmpdir(), "daybook-channels-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let paths = 0;
  return [
    ["ports", portPair],
    ["sockets", () => socketPair(join(folder, String(++paths)))],
  ];
}

export function portPair(): readonly [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}
