/**
 * The gateway's end of the way to one shard: requests of one tick go out as one message, replies come back by
 * number. What is under way is bounded by credits; what does not fit is refused at once, and certainly not done.
 */
import type { Fact } from "../actors/command.ts";
import { decode, encode } from "../actors/pack.ts";
import type { Channel } from "../channels/channel.ts";
import { type ChannelEnd, openChannel } from "../channels/open-channel.ts";
import { OperatingError } from "../operating-error.ts";
import {
  AWAITED,
  type Query,
  REQUEST,
  type Reply,
  type Request,
  TO_GATEWAY,
  type ToGateway,
  UNANSWERED,
} from "../shard/messages.ts";
import type { LogId } from "../wal/wal.ts";

/**
 * Commands, and portions of 2 KiB, that one shard may have in hand. A thousand requests and a largest batch
 * (10,000 commands, 8 MiB) at once are never refused.
 */
const CREDITS = 65_536;
const CREDIT_BYTES = 2048;

/** Where and when the answer was durable; `result` has the shape that the request's kind asks for. */
export type Reached = Readonly<{ at: LogId; timeMs: number; result: unknown }>;

/**
 * While the shard has a message in hand, the next one grows here: there it would only wait for the append, and here it
 * costs one hand-over however large it gets. A large one is sent ahead, so that it is decided during the append.
 */
const AHEAD_CREDITS_MIN = 512;
const MESSAGES_MAX = 2;

/**
 * When requests have been waiting for so long there are more than the shard and its log can do. New ones are refused
 * rather than left to wait until their time is over.
 */
const WAIT_MS_MAX = 1_000;

/** How many requests of a message the shard still has in hand, and since when the first of them waits. */
type Message = { unanswered: number; sinceMs: number };

interface Pending {
  /** Absent once its answer depends on another shard. */
  message: Message | undefined;
  readonly changes: boolean;
  readonly credits: number;
  readonly resolve: (reached: Reached) => void;
  readonly reject: (error: OperatingError) => void;
}

export type ShardLinkOptions = Readonly<{
  shard: number;
  /** Told of what must be known here before anybody acts on it. */
  onFacts: (facts: readonly Fact[]) => void;
  /** Told of all that the shard knows, when it begins to serve. */
  onAllFacts: (facts: readonly Fact[]) => void;
  open?: typeof openChannel;
}>;

export class ShardLink {
  readonly shard: number;
  readonly #options: ShardLinkOptions;
  #channel: Channel | undefined;
  /** The shard has said that it serves, and its log answers. */
  #hasLog = false;
  /** It has not answered its supervisor for a while. */
  #isSilent = false;
  /** It has its log, and answers: both, in one place for the hot path. */
  #serves = false;
  #welcomed = Promise.withResolvers<void>();
  #queue: Request[] = [];
  /** The message that the queue will be. */
  #nextMessage: Message = { unanswered: 0, sinceMs: 0 };
  #queuedCredits = 0;
  /** Messages that the shard has in hand, oldest first. */
  #inHand: Message[] = [];
  /** How long the last one took of those that it no longer has. */
  #tookMs = 0;
  #flushing = false;
  #next = 0;
  #credits = CREDITS;
  readonly #pending = new Map<number, Pending>();

  constructor(options: ShardLinkOptions) {
    this.shard = options.shard;
    this.#options = options;
  }

  /** Commands and reads that wait for their answer. */
  get depth(): number {
    return this.#pending.size;
  }

  /** It has said that it serves, its log answers, and there is a way to it. */
  get serves(): boolean {
    return this.#serves;
  }

  /** Resolves when the shard has begun to serve for the first time. */
  get welcomed(): Promise<void> {
    return this.#welcomed.promise;
  }

  /** A new way to the shard; it says when it serves. */
  attach(end: ChannelEnd): void {
    this.#channel?.close();
    this.#detach();
    this.#isSilent = false;
    const open = this.#options.open ?? openChannel;
    this.#channel = open(end, {
      receive: (bytes) => this.#receive(bytes),
      closed: () => this.#detach(),
    });
  }

  /** What would only wait for a shard that hangs is refused at once. */
  setSilent(isSilent: boolean): void {
    this.#isSilent = isSilent;
    this.#serves = this.#hasLog && !isSilent;
  }

  #setHasLog(hasLog: boolean): void {
    this.#hasLog = hasLog;
    this.#serves = hasLog && !this.#isSilent;
  }

  /**
   * The shard is gone, and with it what it had not logged: what was sent may have been done, what was not sent
   * was not.
   */
  #detach(): void {
    this.#channel = undefined;
    this.#setHasLog(false);
    const unsent = new Set(this.#queue.map(([no]) => no));
    this.#clearQueue();
    for (const [no, pending] of this.#pending) {
      const unknown = pending.changes && !unsent.has(no);
      pending.reject(
        unknown
          ? new OperatingError(
              "outcome_unknown",
              "the shard ended before it answered; retry with the same key",
            )
          : this.#unavailable(),
      );
    }
    this.#pending.clear();
    this.#credits = CREDITS;
    this.#inHand = [];
  }

  /**
   * Sends packed commands with this tick's message.
   *
   * @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`, `outcome_unknown`.
   */
  execute(
    kind: typeof REQUEST.command | typeof REQUEST.transfers,
    packed: Uint8Array,
    count: number,
  ): Promise<Reached> {
    return this.#send([this.#next, kind, packed], true, count + Math.floor(packed.length / CREDIT_BYTES));
  }

  /** Asks what a packed transfer would come to. @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`. */
  tryOut(packed: Uint8Array): Promise<Reached> {
    return this.#send([this.#next, REQUEST.dry_run, packed], false, 1);
  }

  /** The same for a read. @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`. */
  ask(partner: string, query: Query): Promise<Reached> {
    return this.#send([this.#next, REQUEST.query, partner, query], false, 1);
  }

  #send(request: Request, changes: boolean, credits: number): Promise<Reached> {
    if (!this.#serves) return Promise.reject(this.#unavailable());
    const nowMs = performance.now();
    if (credits > this.#credits || this.#isLate(nowMs)) {
      return Promise.reject(
        new OperatingError("overloaded", `shard ${this.shard} has as much in hand as it may have`),
      );
    }
    this.#credits -= credits;
    this.#next += 1;
    this.#flushSoon();
    this.#queue.push(request);
    this.#queuedCredits += credits;
    const message = this.#nextMessage;
    if (message.unanswered === 0) message.sinceMs = nowMs;
    message.unanswered += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(request[0], { message, changes, credits, resolve, reject });
    });
  }

  #receive(bytes: Uint8Array): void {
    const message = decode(bytes) as ToGateway;
    switch (message[0]) {
      case TO_GATEWAY.welcome:
        this.#options.onAllFacts(message[1]);
        this.#setHasLog(true);
        this.#welcomed.resolve();
        return;
      case TO_GATEWAY.facts:
        this.#options.onFacts(message[2]);
        this.#channel?.post(encode([[message[1], REQUEST.learned]] satisfies Request[]));
        return;
      case TO_GATEWAY.available:
        this.#setHasLog(message[1]);
        // It may be about to end: what was taken here must not come after it has heard from us.
        if (!message[1]) this.#sendQueue();
        return;
      case TO_GATEWAY.replies:
        this.#answer({ epoch: message[1], seq: message[2] }, message[3], message[4]);
        return;
    }
  }

  #answer(at: LogId, timeMs: number, replies: readonly Reply[]): void {
    for (const [no, result] of replies) {
      const pending = this.#pending.get(no);
      if (pending === undefined) continue;
      if (pending.message !== undefined) this.#release(pending.message);
      if (result === AWAITED) {
        pending.message = undefined;
        continue;
      }
      this.#pending.delete(no);
      this.#credits += pending.credits;
      if (result === UNANSWERED) pending.reject(this.#endsStill());
      else pending.resolve({ at, timeMs, result });
    }
    this.#flush();
  }

  #release(message: Message): void {
    message.unanswered -= 1;
    if (message.unanswered > 0) return;
    this.#inHand = this.#inHand.filter((each) => each !== message);
    this.#tookMs = performance.now() - message.sinceMs;
  }

  #isLate(nowMs: number): boolean {
    const [oldest] = this.#inHand;
    return oldest !== undefined && Math.max(this.#tookMs, nowMs - oldest.sinceMs) > WAIT_MS_MAX;
  }

  /** At the end of this turn, when all requests that came with it are in the queue. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0 || this.#inHand.length >= MESSAGES_MAX) return;
    if (this.#inHand.length > 0 && this.#queuedCredits < AHEAD_CREDITS_MIN) return;
    this.#sendQueue();
  }

  #sendQueue(): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#inHand.push(this.#nextMessage);
    this.#clearQueue();
    this.#channel?.post(encode(queue));
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#queuedCredits = 0;
    this.#nextMessage = { unanswered: 0, sinceMs: 0 };
  }

  #endsStill(): OperatingError {
    return new OperatingError(
      "overloaded",
      "so much was over on the account that it could not all be ended in time; ask again",
    );
  }

  #unavailable(): OperatingError {
    return new OperatingError(
      "log_unavailable",
      this.#isSilent
        ? `shard ${this.shard} does not answer`
        : `shard ${this.shard} cannot reach its log, or is being restarted`,
    );
  }
}
