/**
 * A way between two parts of the server that share no memory: bytes go both ways, in order, until either side closes it
 * or ends. Between threads it is a port, between processes a local socket; nobody who uses one can tell them apart.
 */
export interface Channel {
  /** Hands the bytes over: the sender must not touch their buffer any more. Nothing happens once it is closed. */
  post(bytes: Uint8Array<ArrayBuffer>): void;
  /** What was posted before still arrives. */
  close(): void;
}

export type ChannelHandlers = Readonly<{
  receive: (bytes: Uint8Array) => void;
  /** The other side is gone, or never came. Called once, and not after our own `close`. */
  closed: () => void;
}>;
