/**
 * The gateway's end of the way to one shard: requests of one tick go out as one message, replies come back by
 * number. Several partners are served in turn. What is under way is bounded by credits, of which each partner has a share;
 * what does not fit is refused at once, and certainly not done.
 */
import type { Fact } from "../../actors/records/command.ts";
import { decode, encode } from "../../actors/records/pack.ts";
import { Slots } from "../../bounds/slots.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type { LogId } from "../../wal/wal.ts";
import type { Channel } from "../../workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../workers/channels/open-channel.ts";
import {
  AWAITED,
  type Query,
  REQUEST,
  type Reply,
  type Request,
  TO_GATEWAY,
  type ToGateway,
  UNANSWERED,
} from "../../workers/shard/messages.ts";
import { Contention } from "./contention.ts";
import { bytesOf, costOfQuery, creditsOf, isChange } from "./costs.ts";
import { FairQueue, type Portion } from "./fair-queue.ts";
import { type Flow, Flows, type Queued } from "./flows.ts";
import type { LoopLag } from "./loop-lag.ts";
import { type Message, MessagesInHand, WAIT_MS_MAX } from "./messages-in-hand.ts";
import { BATCHES, WHOLE } from "./owners.ts";

/**
 * Commands, and portions of 2 KiB, that a shard may have in hand or waiting here. A partner alone gets half: a thousand requests
 * and a largest batch (10,000 commands, 8 MiB) at once fit.
 */
const CREDITS = 131_072;
/**
 * Requests of all partners that one gateway may have at the shards: of each it holds its connection, its answer's promise and
 * what it was asked with, some 16 KiB. It is far more than one partner needs to keep the shards busy.
 */
export const REQUESTS_MAX = 16_384;

/** Where and when the answer was durable; `result` has the shape that the request's kind asks for. */
export type Reached = Readonly<{ at: LogId; timeMs: number; result: unknown }>;

/**
 * While the shard has a message in hand, the next one grows here: there it would only wait for the append, and here it
 * costs one hand-over however large it gets. A large one is sent ahead, so that it is decided during the append.
 */
const AHEAD_COST_MIN = 512;
const MESSAGES_MAX = 2;
/** Decided in some ten milliseconds, so that nobody waits longer for what others have asked before. */
const MESSAGE: Portion = { cost: 2_048, bytes: 1024 * 1024 };

/**
 * Of one partner's batches, what waits for other shards included: for that no message is in hand, but both shards have work
 * with it.
 */
const BATCHES_IN_HAND_MAX = { shared: MESSAGE.cost, alone: 8 * MESSAGE.cost };

/** Several items of one batch. `cost`: their postings. */
export type Piece = Readonly<{ packed: Uint8Array; count: number; cost: number }>;

interface Pending extends Queued {
  readonly request: Request;
  /** In whole milliseconds: such numbers cost no memory of their own. */
  readonly sinceMs: number;
  /** Absent until it is sent, and once its answer depends on another shard. */
  message: Message | undefined;
  isSent: boolean;
  readonly credits: number;
  readonly flow: Flow<Pending>;
  /** The same flow, of the gateway's requests at all shards. */
  readonly requests: Flow;
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
  /** What the gateway has at all its shards; of this shard alone if absent. */
  requests?: Flows;
  /** Absent: this thread keeps nothing waiting. */
  lag?: Pick<LoopLag, "totalMs">;
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
  readonly #flows = new Flows<Pending>(CREDITS);
  readonly #requests: Flows;
  readonly #queue = new FairQueue<Pending>({
    inHandMax: ({ owner }) => {
      if (owner !== BATCHES) return Number.POSITIVE_INFINITY;
      return BATCHES_IN_HAND_MAX[this.#contention.isShared(this.#nowMs()) ? "shared" : "alone"];
    },
  });
  readonly #inHand = new MessagesInHand();
  readonly #contention = new Contention();
  #flushing = false;
  /** By the number of the request. */
  readonly #pending = new Slots<Pending>();

  constructor(options: ShardLinkOptions) {
    this.shard = options.shard;
    this.#options = options;
    this.#requests = options.requests ?? new Flows(REQUESTS_MAX);
  }

  /** The number of the next request. */
  get #next(): number {
    return this.#pending.next;
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
    this.#queue.drain();
    this.#inHand.clear();
    for (const pending of this.#pending.values()) {
      this.#pending.remove(pending.request[0]);
      this.#release(pending);
      pending.reject(
        pending.isSent && isChange(pending.request)
          ? new OperatingError(
              "outcome_unknown",
              "the shard ended before it answered; retry with the same key",
            )
          : this.#unavailable(),
      );
    }
  }

  /**
   * Sends a packed command with one of the next messages.
   *
   * @param owner as of all that is asked here, whose turn it takes: see flows.ts.
   * @param cost its postings; 1 of what has none.
   * @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`, `outcome_unknown`.
   */
  execute(packed: Uint8Array, partner: string, owner: string, cost: number): Promise<Reached> {
    const credits = creditsOf(1, packed);
    return this.#send([this.#next, REQUEST.command, packed], this.#flows.of(partner, owner), credits, cost);
  }

  /**
   * The same for the pieces of a batch, which are decided in this order.
   *
   * @throws OperatingError `overloaded`, `log_unavailable`: none of them is taken.
   */
  executeAll(partner: string, pieces: readonly Piece[]): readonly Promise<Reached>[] {
    const flow = this.#flows.of(partner, BATCHES);
    const credits = pieces.reduce((sum, { packed, count }) => sum + creditsOf(count, packed), 0);
    const nowMs = this.#nowMs();
    const requests = this.#requests.of(partner, BATCHES);
    const refusal = this.#take(flow, requests, credits, pieces.length, nowMs);
    if (refusal !== undefined) throw refusal;
    return pieces.map(({ packed, count, cost }) =>
      this.#enqueue(
        [this.#next, REQUEST.transfers, packed],
        flow,
        requests,
        creditsOf(count, packed),
        cost,
        nowMs,
      ),
    );
  }

  /**
   * Asks what a packed command would come to.
   *
   * @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`.
   */
  tryOut(packed: Uint8Array, partner: string, owner: string, cost: number): Promise<Reached> {
    const credits = creditsOf(1, packed);
    return this.#send([this.#next, REQUEST.dry_run, packed], this.#flows.of(partner, owner), credits, cost);
  }

  /** The same for a read. */
  ask(partner: string, query: Query, owner: string = WHOLE): Promise<Reached> {
    const flow = this.#flows.of(partner, owner);
    return this.#send([this.#next, REQUEST.query, partner, query], flow, 1, costOfQuery(query));
  }

  #send(request: Request, flow: Flow<Pending>, credits: number, cost: number): Promise<Reached> {
    const nowMs = this.#nowMs();
    const requests = this.#requests.of(flow.of.partner, flow.owner);
    const refusal = this.#take(flow, requests, credits, 1, nowMs);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#enqueue(request, flow, requests, credits, cost, nowMs);
  }

  /** Takes what so many requests need, or says why they cannot have it. */
  #take(
    flow: Flow<Pending>,
    requests: Flow,
    credits: number,
    count: number,
    nowMs: number,
  ): OperatingError | undefined {
    if (!this.#serves) return this.#unavailable();
    if (this.#inHand.isLate(nowMs))
      return overloaded(`shard ${this.shard} has as much in hand as it may have`);
    this.#contention.note(flow.of, nowMs);
    // More of this partner than its share: to wait longer would be of no use to it.
    const { first } = flow;
    const isLate = first !== undefined && nowMs - first.sinceMs > WAIT_MS_MAX;
    if (isLate || !this.#flows.take(flow, credits))
      return overloaded(`shard ${this.shard} has as much of yours in hand as it may have`);
    if (this.#requests.take(requests, count)) return undefined;
    this.#flows.give(flow, credits);
    return overloaded("as many of your requests are under way as may be");
  }

  #release(pending: Pending): void {
    const { flow, credits, requests } = pending;
    this.#queue.done(flow, pending);
    this.#flows.give(flow, credits);
    this.#requests.give(requests, 1);
  }

  #enqueue(
    request: Request,
    flow: Flow<Pending>,
    requests: Flow,
    credits: number,
    cost: number,
    sinceMs: number,
  ): Promise<Reached> {
    this.#flushSoon();
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        request,
        cost,
        bytes: bytesOf(request),
        sinceMs,
        message: undefined,
        isSent: false,
        credits,
        flow,
        requests,
        resolve,
        reject,
      };
      this.#pending.add(pending);
      this.#queue.push(flow, pending);
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
        if (!message[1]) this.#sendAll(this.#queue.drain());
        return;
      case TO_GATEWAY.replies:
        this.#answer({ epoch: message[1], seq: message[2] }, message[3], message[4]);
        return;
    }
  }

  #answer(at: LogId, timeMs: number, replies: readonly Reply[]): void {
    const nowMs = this.#nowMs();
    for (const [no, result] of replies) {
      const pending = this.#pending.get(no);
      if (pending === undefined) continue;
      if (pending.message !== undefined) this.#inHand.answered(pending.message, nowMs);
      if (result === AWAITED) {
        pending.message = undefined;
        continue;
      }
      this.#pending.remove(no);
      this.#release(pending);
      if (result === UNANSWERED) pending.reject(this.#endsStill());
      else pending.resolve({ at, timeMs, result });
    }
    this.#flush();
  }

  /** Whole milliseconds in which this thread could take what came. */
  #nowMs(): number {
    const nowMs = performance.now();
    const { lag } = this.#options;
    return Math.trunc(lag === undefined ? nowMs : nowMs - lag.totalMs(nowMs));
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
    while (!this.#queue.isEmpty && this.#inHand.count < MESSAGES_MAX) {
      if (this.#inHand.count > 0 && this.#queue.cost < AHEAD_COST_MIN) return;
      this.#sendAll(this.#queue.take(MESSAGE));
    }
  }

  #sendAll(taken: readonly Pending[]): void {
    if (taken.length === 0) return;
    const message = this.#inHand.add(taken.length, this.#nowMs());
    const requests = new Array<Request>(taken.length);
    for (let i = 0; i < taken.length; i++) {
      const pending = taken[i] as Pending;
      pending.message = message;
      pending.isSent = true;
      requests[i] = pending.request;
    }
    this.#channel?.post(encode(requests));
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

const overloaded = (why: string) => new OperatingError("overloaded", why);
