/**
 * Watches a shard's channels. A channel breaks when the other party ends, and the supervisor sends a new one when that
 * starts again. If no new channel comes, both parties may be alive, so the shard reports it and asks for another.
 */
import type { Channel, ChannelHandlers } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";
import type { Party } from "./messages.ts";

/** A party that restarts normally has new channels within this time. */
const MISSED_MS_MAX = 1_000;

export type ChannelWatchOptions = Readonly<{
  open?: typeof openChannel;
  onMissed: (party: Party) => void;
  missedMsMax?: number;
}>;

export class ChannelWatch {
  readonly #options: ChannelWatchOptions;
  readonly #parties = new WeakMap<ChannelEnd, Party>();
  /** Running timers, by the party whose channel broke. */
  readonly #missed = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(options: ChannelWatchOptions) {
    this.#options = options;
  }

  /** Announces the end of a new channel to `party`, before it is opened. */
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
