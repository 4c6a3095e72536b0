/** Channels within one thread: messages arrive in order, before anything else happens. */
import type { ChannelHandlers } from "../../../src/workers/channels/channel.ts";
import type { ChannelEnd, openChannel } from "../../../src/workers/channels/open-channel.ts";

class MemoryEnd {
  other: MemoryEnd | undefined;
  handlers: ChannelHandlers | undefined;
  #early: Uint8Array[] = [];
  #closed = false;

  arrive(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.handlers === undefined) this.#early.push(bytes);
    else this.handlers.receive(bytes);
  }

  open(handlers: ChannelHandlers): void {
    this.handlers = handlers;
    for (const bytes of this.#early.splice(0)) queueMicrotask(() => this.arrive(bytes));
    if (this.#closed) queueMicrotask(() => handlers.closed());
  }

  /** The other side has closed the channel. */
  lose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.handlers?.closed();
  }

  close(): void {
    this.#closed = true;
  }

  get isClosed(): boolean {
    return this.#closed;
  }
}

export function memoryPair(): readonly [ChannelEnd, ChannelEnd] {
  const [a, b] = [new MemoryEnd(), new MemoryEnd()];
  a.other = b;
  b.other = a;
  return [a, b] as unknown as [ChannelEnd, ChannelEnd];
}

export const openMemoryChannel: typeof openChannel = (opaque, handlers) => {
  const end = opaque as unknown as MemoryEnd;
  end.open(handlers);
  return {
    post(bytes) {
      if (!end.isClosed) queueMicrotask(() => end.other?.arrive(bytes));
    },
    close() {
      if (end.isClosed) return;
      end.close();
      queueMicrotask(() => end.other?.lose());
    },
  };
};
