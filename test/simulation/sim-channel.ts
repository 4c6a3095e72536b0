/**
 * Channels between the parts of a simulated server. Messages arrive later, in order for each direction. If a channel
 * breaks, or one side dies, the last messages in flight are lost.
 */
import type { Channel, ChannelHandlers } from "../../src/workers/channels/channel.ts";
import type { ChannelEnd } from "../../src/workers/channels/open-channel.ts";
import type { Random } from "../support/random.ts";
import type { Owner, VirtualClock } from "./virtual-clock.ts";

/** Message delays in ms: up to `usualMs`, and with probability `spikes` up to `spikeMs`. */
export type Delays = Readonly<{ usualMs: number; spikes: number; spikeMs: number }>;

export function delayOf(random: Random, { usualMs, spikes, spikeMs }: Delays): number {
  if (spikes > 0 && random.chance(spikes)) return spikeMs * random.fraction();
  return usualMs * random.fraction();
}

type Arrival = { readonly act: (handlers: ChannelHandlers) => void; isLost: boolean; isDone: boolean };

/** One side of a channel. It belongs to the owner that opens it. */
class SimEnd {
  other: SimEnd | undefined;
  owner: Owner | undefined;
  handlers: ChannelHandlers | undefined;
  isClosed = false;
  /** Messages in flight to this side, oldest first. */
  arrivals: Arrival[] = [];
  /** Messages that arrived before this side was opened. */
  readonly early: Arrival[] = [];
  newestMs = 0;
}

export class Network {
  delays: Delays = { usualMs: 0.1, spikes: 0, spikeMs: 0 };
  readonly #clock: VirtualClock;
  readonly #random: Random;
  #pairs: (readonly [SimEnd, SimEnd])[] = [];
  broken = 0;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  pair(): readonly [ChannelEnd, ChannelEnd] {
    const pair = [new SimEnd(), new SimEnd()] as const;
    const [a, b] = pair;
    a.other = b;
    b.other = a;
    this.#pairs.push(pair);
    return pair as unknown as [ChannelEnd, ChannelEnd];
  }

  /** Assigns a side to the owner that will open it. */
  handTo(opaque: ChannelEnd, owner: Owner): void {
    const end = opaque as unknown as SimEnd;
    end.owner = owner;
    if (owner.isDead && end.other !== undefined) this.#die(end, end.other);
  }

  readonly open = (opaque: ChannelEnd, handlers: ChannelHandlers): Channel => {
    const end = opaque as unknown as SimEnd;
    const { other } = end;
    const owner = this.#clock.current;
    end.owner = owner;
    end.handlers = handlers;
    for (const arrival of end.early.splice(0)) this.#clock.after(owner, 0, () => this.#arrive(end, arrival));
    return {
      post: (bytes) => {
        if (!end.isClosed && other !== undefined) this.#send(other, (handlers) => handlers.receive(bytes));
      },
      close: () => {
        if (end.isClosed) return;
        end.isClosed = true;
        if (other !== undefined) this.#send(other, (handlers) => this.#lose(other, handlers));
      },
    };
  };

  /** Closes the sides of dead owners, and notifies the other sides. */
  closeEndsOf(isDead: (owner: Owner) => boolean): void {
    for (const [a, b] of this.#pairs) {
      if (a.owner !== undefined && isDead(a.owner)) this.#die(a, b);
      if (b.owner !== undefined && isDead(b.owner)) this.#die(b, a);
    }
    this.#pairs = this.#pairs.filter(([a, b]) => !(a.isClosed && b.isClosed));
  }

  /** Whether no message is in flight. */
  get isQuiet(): boolean {
    return this.#pairs.flat().every(({ arrivals, isClosed }) => isClosed || arrivals.length === 0);
  }

  /** Breaks a channel between two live owners. */
  breakOne(): void {
    const open = this.#pairs.filter(([a, b]) => isLive(a) && isLive(b));
    if (open.length > 0) this.#break(this.#random.oneOf(open));
  }

  /** Breaks the channels between `owner` and the matching owners. */
  breakWith(owner: Owner, isOther: (other: Owner) => boolean): void {
    for (const pair of this.#between(owner, isOther)) this.#break(pair);
  }

  /** Delays all messages between `owner` and the matching owners by at least `ms`, in order. */
  stall(owner: Owner, isOther: (other: Owner) => boolean, ms: number): void {
    const untilMs = this.#clock.nowMs + ms;
    for (const end of this.#between(owner, isOther).flat()) end.newestMs = Math.max(end.newestMs, untilMs);
  }

  /** Delays messages from the matching owners to `owner` by at least `ms`, in order. */
  stallTowards(owner: Owner, isOther: (other: Owner) => boolean, ms: number): void {
    const untilMs = this.#clock.nowMs + ms;
    for (const end of this.#between(owner, isOther).flat())
      if (end.owner === owner) end.newestMs = Math.max(end.newestMs, untilMs);
  }

  #between(owner: Owner, isOther: (other: Owner) => boolean): readonly (readonly [SimEnd, SimEnd])[] {
    return this.#pairs.filter(([a, b]) => {
      if (!isLive(a) || !isLive(b)) return false;
      const other = a.owner === owner ? b.owner : b.owner === owner ? a.owner : undefined;
      return other !== undefined && isOther(other);
    });
  }

  #break([a, b]: readonly [SimEnd, SimEnd]): void {
    this.broken += 1;
    for (const end of [a, b]) {
      this.#loseSome(end);
      this.#send(end, (handlers) => this.#lose(end, handlers));
    }
  }

  /** Closes a dead owner's side. Some of its last messages are lost. */
  #die(end: SimEnd, other: SimEnd): void {
    if (end.isClosed) return;
    end.isClosed = true;
    this.#loseSome(other);
    this.#send(other, (handlers) => this.#lose(other, handlers));
  }

  #lose(end: SimEnd, handlers: ChannelHandlers): void {
    if (end.isClosed) return;
    end.isClosed = true;
    handlers.closed();
  }

  #loseSome(end: SimEnd): void {
    const kept = this.#random.below(end.arrivals.length + 1);
    for (const arrival of end.arrivals.slice(kept)) arrival.isLost = true;
  }

  #send(end: SimEnd, act: (handlers: ChannelHandlers) => void): void {
    const arrival = { act, isLost: false, isDone: false };
    end.arrivals.push(arrival);
    end.newestMs = Math.max(end.newestMs, this.#clock.nowMs + delayOf(this.#random, this.delays));
    // Kept until the owner opens its side.
    if (end.owner === undefined || end.handlers === undefined) end.early.push(arrival);
    else this.#clock.at(end.owner, end.newestMs, () => this.#arrive(end, arrival));
  }

  #arrive(end: SimEnd, arrival: Arrival): void {
    arrival.isDone = true;
    while (end.arrivals[0]?.isDone === true) end.arrivals.shift();
    if (!arrival.isLost && !end.isClosed && end.handlers !== undefined) arrival.act(end.handlers);
  }
}

function isLive(end: SimEnd): boolean {
  return end.handlers !== undefined && end.owner?.isDead === false && !end.isClosed;
}
