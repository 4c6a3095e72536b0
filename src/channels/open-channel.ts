/** Ends of channels: they travel by message to the two parties, who open them. */
import { MessagePort } from "node:worker_threads";
import type { Channel, ChannelHandlers } from "./channel.ts";
import { openPort } from "./port-channel.ts";
import { openSocket, type SocketEnd } from "./socket-channel.ts";

export type ChannelEnd = MessagePort | SocketEnd;

export function openChannel(end: ChannelEnd, handlers: ChannelHandlers): Channel {
  return end instanceof MessagePort ? openPort(end, handlers) : openSocket(end, handlers);
}

/** What of an end must be in a message's list of what to transfer. */
export function portsOf(end: ChannelEnd): readonly MessagePort[] {
  return end instanceof MessagePort ? [end] : [];
}
