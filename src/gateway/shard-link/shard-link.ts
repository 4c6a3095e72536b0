/**
 * The gateway's connection to one shard. The requests of one event loop turn are sent as one message; replies are
 * matched by request number. Partners are served round-robin. Requests in flight are bounded by credits, of which
 * each partner has a share; a request that exceeds it is refused at once, before it is sent.
 */
import type { Fact } from "../../actors/records/command.ts";
import { decode, encode } from "../../actors/records/pack.ts";
import { Slots } from "../../bounds/slots.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type { Tracing } from "../../tracing/tracing.ts";
import type { LogId } from "../../wal/wal.ts";
import type { Channel } from "../../workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../workers/channels/open-channel.ts";
import {
  DEFERRED,
  type Query,
  REQUEST,
  type Reply,
  type Request,
  TO_GATEWAY,
  type ToGateway,
  UNANSWERED,
  type UntracedRequest,
} from "../../workers/shard/messages.ts";
import { ALONE, Contention } from "./contention.ts";
import { bytesOf, costOfQuery, creditsOf, creditsOfAll, isChange, type Piece } from "./costs.ts";
import { FairQueue } from "./fair-queue.ts";
import { type Flow, Flows } from "./flows.ts";
import { InFlightMessages, WAIT_MS_MAX } from "./in-flight-messages.ts";
import type { LoopLag } from "./loop-lag.ts";
import { BATCHES, WHOLE } from "./owners.ts";
import type { Pending, ShardReply } from "./pending.ts";
import { expiryTimedOut, overloadedError, unavailableError } from "./refusals.ts";
import { ShardTraces } from "./shard-traces.ts";

/**
 * Credits of one shard, for requests in flight or waiting here: one for each command and for each 2 KiB. One
 * partner gets at most half: a thousand requests and a largest batch (10,000 commands, 8 MiB) fit into that.
 */
const CREDITS = 131_072;
/**
 * Requests that one gateway may have at all its shards. Each holds its connection, promise and body, some 16 KiB.
 * This is far more than one partner needs to keep the shards busy.
 */
export const REQUESTS_MAX = 16_384;

/**
 * While a message is in flight, the next one grows here: at the shard it would only wait for the append, and here
 * any size costs one transfer between threads. A message of at least this cost is sent ahead, so that the shard
 * decides it during the append.
 */
const SEND_AHEAD_COST_MIN = 512;
const MESSAGES_MAX = 2;
/**
 * A partner's batches are refused once its oldest piece has waited for so long, or what it has queued will take so long:
 * less than half the time that a request may take. One largest batch takes seconds. A bound below that would make its client send the next one again and again,
 * each time to be parsed and refused.
 */
const BATCH_WAIT_MS_MAX = 4_000;

export type ShardLinkOptions = Readonly<{
  shard: number;
  /** Called with facts that this gateway must know before a caller may act on them. */
  onFacts: (facts: readonly Fact[]) => void;
  /** Called with all facts of the shard when it starts to serve. */
  onAllFacts: (facts: readonly Fact[]) => void;
  open?: typeof openChannel;
  /** The gateway's limit on requests, over all its shards. Absent: for this shard alone. */
  requests?: Flows;
  /** Absent: the event loop is assumed never to block. */
  lag?: Pick<LoopLag, "totalMs">;
  /** Absent: nothing is traced. */
  tracing?: Tracing | undefined;
}>;

export class ShardLink {
  readonly shard: number;
  readonly #options: ShardLinkOptions;
  #channel: Channel | undefined;
  /** The shard serves, and its log answers. */
  #hasLog = false;
  /** The shard has not answered its supervisor for a while. */
  #isSilent = false;
  /** `#hasLog && !#isSilent`, as one field for the hot path. */
  #serves = false;
  #welcomed = Promise.withResolvers<void>();
  readonly #flows = new Flows<Pending>(CREDITS);
  readonly #requests: Flows;
  readonly #queue = new FairQueue<Pending>({
    inFlightMax: ({ owner }) => (owner === BATCHES ? this.#bounds.batches : this.#bounds.requests),
  });
  readonly #inFlight = new InFlightMessages();
  readonly #contention = new Contention();
  #bounds = ALONE;
  #flushing = false;
  readonly #pending = new Slots<Pending>();
  readonly #traces: ShardTraces | undefined;

  constructor(options: ShardLinkOptions) {
    this.shard = options.shard;
    this.#options = options;
    this.#requests = options.requests ?? new Flows(REQUESTS_MAX);
    const { tracing } = options;
    this.#traces = tracing && new ShardTraces(tracing, options.shard);
  }

  get #next(): number {
    return this.#pending.next;
  }

  /** Number of commands and reads that wait for their answer. */
  get depth(): number {
    return this.#pending.size;
  }

  /** The partner's requests in flight at this gateway, over all its shards. */
  requestsOf(partner: string): number {
    return this.#requests.usedBy(partner);
  }

  /** The shard serves, its log answers, and the channel is open. */
  get serves(): boolean {
    return this.#serves;
  }

  /** Resolves once the shard has served for the first time. */
  get welcomed(): Promise<void> {
    return this.#welcomed.promise;
  }

  /** Connects to a new instance of the shard. The shard announces when it serves. */
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

  /** While a shard hangs, requests are refused at once instead of waiting. */
  setHung(isSilent: boolean): void {
    this.#isSilent = isSilent;
    this.#serves = this.#hasLog && !isSilent;
  }

  #setHasLog(hasLog: boolean): void {
    this.#hasLog = hasLog;
    this.#serves = hasLog && !this.#isSilent;
  }

  /** The shard has stopped. A request that was sent may be in the log; one that was not sent is not. */
  #detach(): void {
    this.#channel = undefined;
    this.#setHasLog(false);
    this.#queue.drain();
    this.#inFlight.clear();
    for (const pending of this.#pending.values()) {
      this.#pending.remove(pending.request[0]);
      this.#traces?.end(pending.request[0], "shard_ended");
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
   * Queues a packed command for one of the next messages.
   *
   * @param owner the flow within the partner: see owners.ts.
   * @param cost the cost of its postings; 1 if it has none.
   * @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`, `outcome_unknown`.
   */
  execute(packed: Uint8Array, partner: string, owner: string, cost: number): Promise<ShardReply> {
    const credits = creditsOf(1, packed);
    return this.#send([this.#next, REQUEST.command, packed], this.#flows.find(partner, owner), credits, cost);
  }

  /** Takes nothing. @throws OperatingError `overloaded`: the pieces of a batch exceed the partner's share */
  checkShare(partner: string, pieces: readonly Piece[]): void {
    const flow = this.#flows.find(partner, BATCHES);
    const requests = this.#requests.find(partner, BATCHES);
    const credits = creditsOfAll(pieces);
    const refusal = this.#take(flow, requests, credits, pieces.length, this.#nowMs());
    if (refusal === undefined) {
      this.#flows.give(flow, credits);
      this.#requests.give(requests, pieces.length);
    } else if (refusal.bound !== undefined) throw refusal;
  }

  /** Queues the pieces of a batch, to be decided in order. @throws OperatingError as `ask`: no piece was queued. */
  executeAll(partner: string, pieces: readonly Piece[]): readonly Promise<ShardReply>[] {
    const flow = this.#flows.find(partner, BATCHES);
    const nowMs = this.#nowMs();
    const requests = this.#requests.find(partner, BATCHES);
    const refusal = this.#take(flow, requests, creditsOfAll(pieces), pieces.length, nowMs);
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

  /** Asks for the outcome that a packed command would have. @throws OperatingError (as a rejection) as `ask`. */
  dryRun(packed: Uint8Array, partner: string, owner: string, cost: number): Promise<ShardReply> {
    const credits = creditsOf(1, packed);
    return this.#send([this.#next, REQUEST.dry_run, packed], this.#flows.find(partner, owner), credits, cost);
  }

  /** Queues a read. @throws OperatingError (as a rejection) `overloaded`, `log_unavailable`. */
  ask(partner: string, query: Query, owner: string = WHOLE): Promise<ShardReply> {
    const flow = this.#flows.find(partner, owner);
    return this.#send([this.#next, REQUEST.query, partner, query], flow, 1, costOfQuery(query));
  }

  #send(request: UntracedRequest, flow: Flow<Pending>, credits: number, cost: number): Promise<ShardReply> {
    const nowMs = this.#nowMs();
    const requests = this.#requests.find(flow.parent.partner, flow.owner);
    const refusal = this.#take(flow, requests, credits, 1, nowMs);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#enqueue(request, flow, requests, credits, cost, nowMs);
  }

  /** Takes credits and request slots, or returns the refusal. */
  #take(
    flow: Flow<Pending>,
    requests: Flow,
    credits: number,
    count: number,
    nowMs: number,
  ): OperatingError | undefined {
    if (!this.#serves) return this.#unavailable();
    if (this.#inFlight.isLate(nowMs))
      return overloadedError(`shard ${this.shard} is overloaded: a message to it takes more than 1 s`);
    this.#contention.note(flow, nowMs);
    // The partner exceeds its share: a longer wait would not help it.
    const { first } = flow;
    const waitMsMax = flow.owner === BATCHES ? BATCH_WAIT_MS_MAX : WAIT_MS_MAX;
    const waitMs = flow.drain?.msFor(flow.used) ?? 0;
    const isLate = (first !== undefined && nowMs - first.sinceMs > waitMsMax) || waitMs > waitMsMax;
    if (isLate || !this.#flows.take(flow, credits))
      return overloadedError(
        `your requests already fill your share of shard ${this.shard}'s queue`,
        "queue_share",
      );
    if (this.#requests.take(requests, count)) return undefined;
    this.#flows.give(flow, credits);
    return overloadedError("too many of your requests are in flight at this gateway", "requests_in_flight");
  }

  #release(pending: Pending): void {
    const { flow, credits, requests } = pending;
    if (!pending.isDeferred) this.#queue.done(flow, pending);
    this.#flows.give(flow, credits);
    this.#requests.give(requests, 1);
  }

  #enqueue(
    request: UntracedRequest,
    flow: Flow<Pending>,
    requests: Flow,
    credits: number,
    cost: number,
    sinceMs: number,
  ): Promise<ShardReply> {
    this.#flushSoon();
    this.#traces?.begin(request);
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        request,
        cost,
        bytes: bytesOf(request),
        sinceMs,
        message: undefined,
        isSent: false,
        isDeferred: false,
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
        // The shard may be about to stop: older requests must not arrive after newer messages.
        if (!message[1]) this.#sendAll(this.#queue.drain());
        return;
      case TO_GATEWAY.replies:
        this.#answer({ epoch: message[1], seq: message[2] }, message[3], message[4]);
        return;
      case TO_GATEWAY.times:
        this.#traces?.add(message[1], message[2]);
        return;
    }
  }

  #answer(at: LogId, timeMs: number, replies: readonly Reply[]): void {
    const nowMs = this.#nowMs();
    this.#bounds = this.#contention.boundsAt(nowMs);
    for (const [requestNumber, result] of replies) {
      const pending = this.#pending.get(requestNumber);
      if (pending === undefined) continue;
      if (pending.message !== undefined) this.#inFlight.answered(pending.message, nowMs);
      if (result === DEFERRED) {
        pending.message = undefined;
        if (pending.flow.owner === BATCHES) continue;
        pending.isDeferred = true;
        this.#queue.done(pending.flow, pending);
        continue;
      }
      this.#pending.remove(requestNumber);
      this.#traces?.end(requestNumber);
      this.#release(pending);
      pending.flow.drain?.served(pending.credits, nowMs, pending.flow.waits);
      if (result === UNANSWERED) pending.reject(expiryTimedOut());
      else pending.resolve({ at, timeMs, result });
    }
    this.#flush();
  }

  /** Time in whole milliseconds, without the time in which this thread was blocked. */
  #nowMs(): number {
    const nowMs = performance.now();
    const { lag } = this.#options;
    return Math.trunc(lag === undefined ? nowMs : nowMs - lag.totalMs(nowMs));
  }

  /** Sends at the end of this event loop turn, when all requests that arrived in it are queued. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#bounds = this.#contention.boundsAt(this.#nowMs());
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#queue.isEmpty && this.#inFlight.count < MESSAGES_MAX) {
      if (this.#inFlight.count > 0 && this.#queue.cost < SEND_AHEAD_COST_MIN) return;
      this.#sendAll(this.#queue.take(this.#bounds.message));
    }
  }

  #sendAll(taken: readonly Pending[]): void {
    if (taken.length === 0) return;
    const message = this.#inFlight.add(taken.length, this.#nowMs());
    const requests = new Array<Request>(taken.length);
    for (let i = 0; i < taken.length; i++) {
      const pending = taken[i] as Pending;
      pending.message = message;
      pending.isSent = true;
      requests[i] = this.#traces?.request(pending.request) ?? pending.request;
    }
    this.#channel?.post(encode(requests));
  }

  #unavailable(): OperatingError {
    return unavailableError(this.shard, this.#isSilent);
  }
}
