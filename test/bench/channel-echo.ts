/** The other side of `channels.ts`: sends back what comes, over the way that its first message names. */
import { type MessagePort, parentPort } from "node:worker_threads";
import type { Channel } from "../../src/workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../src/workers/channels/open-channel.ts";

/** Where there is no end the messages come over the IPC channel of the process itself: text, or bytes. */
export type EchoMessage = Readonly<{ end: ChannelEnd }> | string | Uint8Array;

function echoOver(end: ChannelEnd): void {
  const channel: Channel = openChannel(end, {
    // A copy, since a message is handed over with its memory: the receiver of a request makes its reply anew, too.
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
