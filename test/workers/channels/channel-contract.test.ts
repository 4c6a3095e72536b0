/** One contract for both kinds of channel. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { afterAll, describe, expect, test } from "vitest";
import type { Channel } from "../../../src/workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../../src/workers/channels/open-channel.ts";
import { socketPair } from "../../../src/workers/channels/socket-channel.ts";

const folder = mkdtempSync(join(tmpdir(), "daybook-channels-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let paths = 0;

const kinds: Record<string, () => readonly [ChannelEnd, ChannelEnd]> = {
  ports: () => {
    const { port1, port2 } = new MessageChannel();
    return [port1, port2];
  },
  sockets: () => socketPair(join(folder, String(++paths))),
};

class Party {
  readonly received: Uint8Array[] = [];
  closed = 0;
  readonly channel: Channel;
  #changed = Promise.withResolvers<void>();

  constructor(end: ChannelEnd) {
    this.channel = openChannel(end, {
      receive: (bytes) => {
        this.received.push(bytes);
        this.#tell();
      },
      closed: () => {
        this.closed += 1;
        this.#tell();
      },
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

describe.each(Object.entries(kinds))("a channel over %s", (_, pair) => {
  test("carries messages of any size both ways, in order, also those posted before the other side came", async () => {
    const [first, second] = pair();
    const a = new Party(first);
    const sizes = [0, 1, 3, 70_000, 5, 3_000_000, 65_536, 2];
    for (const [i, size] of sizes.entries()) a.channel.post(new Uint8Array(size).fill(i + 1));
    const b = new Party(second);
    b.channel.post(new Uint8Array([42]));
    await b.until(() => b.received.length === sizes.length);
    await a.until(() => a.received.length === 1);
    expect(b.received.map(({ length }) => length)).toEqual(sizes);
    expect(b.received.every((bytes, i) => bytes.every((byte) => byte === i + 1))).toBe(true);
    expect([...(a.received[0] ?? [])]).toEqual([42]);
    a.channel.close();
    await b.until(() => b.closed === 1);
    expect(a.closed).toBe(0);
  });

  test("delivers messages posted before it was closed, then reports the close once", async () => {
    const [first, second] = pair();
    const a = new Party(first);
    const b = new Party(second);
    a.channel.post(new Uint8Array([1]));
    await b.until(() => b.received.length === 1);
    for (let i = 2; i <= 1000; i++) a.channel.post(new Uint8Array([i % 256]));
    a.channel.close();
    a.channel.post(new Uint8Array([0]));
    await b.until(() => b.closed > 0);
    expect(b.received).toHaveLength(1000);
    b.channel.post(new Uint8Array([1]));
    b.channel.close();
    expect([a.closed, b.closed, a.received.length]).toEqual([0, 1, 0]);
  });
});
