/**
 * A shard's ways to the others break when those end, and come back with them. One that broke and did not come back is
 * reported: both parties may live, and then they need another.
 */
import type { Channel, ChannelHandlers } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";
import type { Party } from "./messages.ts";

/** Whoever starts anew has a new channel to everybody by then. */
const MISSED_MS_MAX = 1_000;

export type ChannelWatchOptions = Readonly<{
  open?: typeof openChannel;
  onMissed: (party: Party) => void;
  missedMsMax?: number;
}>;

export class ChannelWatch {
  readonly #options: ChannelWatchOptions;
  readonly #parties = new WeakMap<ChannelEnd, Party>();
  /** By party, whose channel broke. */
  readonly #missed = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(options: ChannelWatchOptions) {
    this.#options = options;
  }

  /** The end of a new channel to `party`, which will be opened. */
  expect(party: Party, end: ChannelEnd): void {
    const name = nameOf(party);
    this.#parties.set(end, party);
    clearTimeout(this.#missed.get(name));
    this.#missed.delete(name);
  }

  readonly open = (end: ChannelEnd, { receive, closed }: ChannelHandlers): Channel => {
    const { open = openChannel } = this.#options;
    return open(end, {
      receive,
      closed: () => {
        closed();
        this.#miss(end);
      },
    });
  };

  close(): void {
    this.#closed = true;
    for (const timer of this.#missed.values()) clearTimeout(timer);
    this.#missed.clear();
  }

  #miss(end: ChannelEnd): void {
    const party = this.#parties.get(end);
    if (party === undefined || this.#closed) return;
    const name = nameOf(party);
    const { onMissed, missedMsMax = MISSED_MS_MAX } = this.#options;
    clearTimeout(this.#missed.get(name));
    const timer = setTimeout(() => {
      this.#missed.delete(name);
      onMissed(party);
    }, missedMsMax);
    this.#missed.set(name, timer);
  }
}

function nameOf(party: Party): string {
  return party.kind === "archive" ? party.kind : `${party.kind} ${party.number}`;
}
