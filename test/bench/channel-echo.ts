/** The other side of `channels.ts`: echoes every message, over the channel that its first message names. */
import { type MessagePort, parentPort } from "node:worker_threads";
import type { Channel } from "../../src/workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../src/workers/channels/open-channel.ts";

/** Without a channel end the messages use the IPC channel of the process itself: text, or bytes. */
export type EchoMessage = Readonly<{ end: ChannelEnd }> | string | Uint8Array;

function echoOver(end: ChannelEnd): void {
  const channel: Channel = openChannel(end, {
    // A copy, since a message transfers its memory: a real receiver allocates its reply, too.
    receive: (bytes) => channel.post(new Uint8Array(bytes)),
    closed: () => process.exit(0),
  });
}

function receive(message: EchoMessage): void {
  if (typeof message === "object" && "end" in message) echoOver(message.end);
  else process.send?.(message);
}

const port: MessagePort | null = parentPort;
if (port === null) {
  process.on("message", receive);
  process.on("disconnect", () => process.exit(0));
} else port.once("message", receive);
