/**
 * A bidirectional byte-message stream between two parts of the server that share no memory. Messages arrive in order
 * until either side closes it or ends. It is a message port between threads, and a local socket between processes.
 */
export interface Channel {
  /** Transfers the bytes: the sender must not use their buffer afterwards. Does nothing on a closed channel. */
  post(bytes: Uint8Array<ArrayBuffer>): void;
  /** Messages posted before still arrive. */
  close(): void;
}

export type ChannelHandlers = Readonly<{
  receive: (bytes: Uint8Array) => void;
  /** The other side has closed or ended, or never connected. Called once, and not after our own `close`. */
  closed: () => void;
}>;
