/** What only a socket channel has to handle: bytes in any portions, and bytes of strangers. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openSocket } from "../../../src/workers/channels/socket-channel.ts";
import { SocketFolder } from "../../../src/workers/channels/socket-folder.ts";
import { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";

/** The listening end of a channel, and raw bytes sent to it. */
async function listening() {
  const folder = new SocketFolder();
  onTestFinished(() => folder.remove());
  const [, end] = folder.pair();
  const received: string[] = [];
  const seen = { received, closed: 0 };
  const channel = openSocket(end, {
    receive: (bytes) => received.push(Buffer.from(bytes).toString()),
    closed: () => {
      seen.closed += 1;
    },
  });
  await until("it listens", () => existsSync(end.path));
  const socket: Socket = connect(end.path);
  await once(socket, "connect");
  onTestFinished(() => {
    channel.close();
    socket.destroy();
  });
  return { seen, socket };
}

function frame(text: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(text.length);
  return Buffer.concat([head, Buffer.from(text)]);
}

test("messages are the same however their bytes are split", async () => {
  const { seen, socket } = await listening();
  const random = new Random(7);
  const texts = Array.from({ length: 120 }, (_, i) => String(i).repeat(random.below(6)));
  const bytes = Buffer.concat(texts.map(frame));
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(9);
    socket.write(bytes.subarray(at, end));
    at = end;
    await setImmediate();
  }
  await until("all have come", () => seen.received.length === texts.length);
  expect(seen.received).toEqual(texts);
});

test("a peer that sends malformed messages is disconnected", async () => {
  const { seen, socket } = await listening();
  socket.write(Buffer.concat([frame("one"), Buffer.alloc(8, 0xff)]));
  await until("it is closed", () => seen.closed === 1);
  expect(seen.received).toEqual(["one"]);
});
