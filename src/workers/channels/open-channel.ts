/** Channel ends. The supervisor sends them to the two parties, which open them. */
import { MessagePort } from "node:worker_threads";
import type { Channel, ChannelHandlers } from "./channel.ts";
import { openSocket, type SocketEnd } from "./socket-channel.ts";

export function openPort(port: MessagePort, { receive, closed }: ChannelHandlers): Channel {
  let open = true;
  port.on("message", (bytes: Uint8Array) => {
    if (open) receive(bytes);
  });
  // Also emitted when the other side's thread has ended.
  port.on("close", () => {
    if (!open) return;
    open = false;
    closed();
  });
  return {
    post(bytes) {
      if (open) port.postMessage(bytes, [bytes.buffer]);
    },
    close() {
      open = false;
      port.close();
    },
  };
}

export type ChannelEnd = MessagePort | SocketEnd;

export function openChannel(end: ChannelEnd, handlers: ChannelHandlers): Channel {
  return end instanceof MessagePort ? openPort(end, handlers) : openSocket(end, handlers);
}

/** The ports of a channel end, for the transfer list of a message. */
export function portsOf(end: ChannelEnd): readonly MessagePort[] {
  return end instanceof MessagePort ? [end] : [];
}
