/** Ends of channels: they travel by message to the two parties, who open them. */
import { MessagePort } from "node:worker_threads";
import type { Channel, ChannelHandlers } from "./channel.ts";
import { openSocket, type SocketEnd } from "./socket-channel.ts";

export function openPort(port: MessagePort, { receive, closed }: ChannelHandlers): Channel {
  let open = true;
  port.on("message", (bytes: Uint8Array) => {
    if (open) receive(bytes);
  });
  // Also when the other side's thread has ended.
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

/** What of an end must be in a message's list of what to transfer. */
export function portsOf(end: ChannelEnd): readonly MessagePort[] {
  return end instanceof MessagePort ? [end] : [];
}
