/** A channel between threads. */
import type { MessagePort } from "node:worker_threads";
import type { Channel, ChannelHandlers } from "./channel.ts";

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
