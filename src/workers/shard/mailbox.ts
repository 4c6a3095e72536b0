/**
 * The mailbox of a shard. Requests of all gateways are handled one at a time; each reply waits until the batch that it
 * depends on is durable.
 */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { concernsGateways, factsOf } from "../../actors/ledger/partner.ts";
import { packOutcome, readCommands } from "../../actors/records/codec.ts";
import type { Command } from "../../actors/records/command.ts";
import { decode } from "../../actors/records/pack.ts";
import { monotonicMs } from "../../tracing/shard-times.ts";
import { type CrossShardResult, PendingReply } from "../cross-shard/pending-reply.ts";
import type { ExpiryBacklog } from "./clock/expiry-waits.ts";
import type { Cuts } from "./cuts.ts";
import { type Executor, RETRY_LATER } from "./executor.ts";
import type { Gateways } from "./gateways.ts";
import type { Durable, GroupCommit } from "./group-commit.ts";
import { ItemsWriter, OpenTransfers } from "./items-writer.ts";
import type { Lease } from "./lease.ts";
import {
  type CommandReply,
  DEFERRED,
  type Decided,
  type Query,
  REFUSED,
  REQUEST,
  type Reply,
  type Request,
  SETTLED,
  TO_GATEWAY,
  UNANSWERED,
  type UntracedRequest,
} from "./messages.ts";
import { answerQuery } from "./shard-query.ts";

/** An account change that waits for incoming cross-shard credits is refused after this time. */
const RETRY_MS_MAX = 2_000;

/** `untilMs`: set on a retried request; it is refused after this moment (`performance.now()`). */
type Mail = Readonly<{ gateway: number; requests: readonly Request[]; untilMs?: number }>;

export type MailboxOptions = Readonly<{
  ledger: Ledger;
  executor: Executor;
  commit: GroupCommit;
  lease: Lease;
  gateways: Gateways;
  cuts: Cuts;
  /** The last cut that held up messages of other shards has ended. */
  onResume: () => void;
}>;

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #commit: GroupCommit;
  readonly #items = new ItemsWriter();
  #mails: Mail[] = [];
  /** Number of requests of the first mail that are handled. */
  #handled = 0;
  #retries: Required<Mail>[] = [];
  reads = 0;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#commit = options.commit;
  }

  /** Number of waiting requests. */
  get depth(): number {
    return this.#mails.reduce((sum, { requests }) => sum + requests.length, -this.#handled);
  }

  /** Whether requests wait for a retry or for expiries. */
  get hasRetries(): boolean {
    return this.#retries.length > 0 || this.#options.executor.expiryWaits.size > 0;
  }

  /** Packed requests of a gateway. */
  put(gateway: number, bytes: Uint8Array): void {
    this.#mails.push({ gateway, requests: decode(bytes) as Request[] });
  }

  /** Handles requests while the open batch has room; those that waited for expiries come first. */
  work(): void {
    this.#options.executor.expiryWaits.work();
    for (let mail = this.#mails[0]; mail !== undefined; mail = this.#mails[0]) {
      while (this.#handled < mail.requests.length) {
        // Starting its append makes room: the next batch fills while this one is written.
        if (this.#commit.full) this.#commit.flush();
        if (this.#commit.full) return;
        this.#handle(mail, mail.requests[this.#handled++] as Request);
      }
      this.#mails.shift();
      this.#handled = 0;
    }
  }

  /** Retries requests that waited for incoming credits; refuses those that waited too long (`overloaded`). */
  tryAgain(): void {
    this.#options.executor.expiryWaits.expire();
    const retries = this.#retries;
    this.#retries = [];
    const nowMs = performance.now();
    for (const mail of retries) {
      const [request] = mail.requests;
      if (nowMs < mail.untilMs) this.#mails.push(mail);
      else if (request !== undefined)
        this.#commit.reply(mail.gateway, [request[0], [REFUSED, "overloaded"]], 0);
    }
  }

  #handle(mail: Mail, request: Request): void {
    const { gateway } = mail;
    const requestId = request[0];
    switch (request[1]) {
      case REQUEST.command:
        this.#handleCommand(mail, request, request[2]);
        return;
      case REQUEST.transfers:
        this.#handleTransfers(gateway, requestId, request[2]);
        return;
      case REQUEST.query:
        this.reads += 1;
        this.#handleQuery(gateway, requestId, request[2], request[3]);
        return;
      case REQUEST.dry_run:
        this.#handleDryRun(gateway, requestId, request[2]);
        return;
      case REQUEST.learned:
        this.#options.gateways.confirmed(gateway, requestId);
        return;
      case REQUEST.traced:
        this.#handleTraced(mail, request[2], request[3]);
        return;
    }
  }

  /** The reply waits for the newest batch, or for none if nothing is undurable. */
  #handleTraced(mail: Mail, request: UntracedRequest, trace: number): void {
    const beganMs = monotonicMs();
    this.#handle(mail, request);
    const decidedMs = monotonicMs();
    this.#commit.trace(this.#commit.newestSeq, (append) => {
      const times = { beganMs, decidedMs, ...(append && { append }) };
      this.#options.gateways.send(mail.gateway, [TO_GATEWAY.times, trace, times]);
    });
  }

  #handleCommand({ gateway, untilMs }: Mail, request: Request, packed: Uint8Array): void {
    const [requestId] = request;
    readCommands(packed, (command, start, end) => {
      const decided = this.#options.executor.execute(command, packed, start, end);
      if (decided === RETRY_LATER) {
        // Other requests of the same message, and later ones, must not wait for this one.
        if (untilMs === undefined) this.#commit.reply(gateway, [requestId, DEFERRED], 0);
        this.#retries.push({
          gateway,
          requests: [request],
          untilMs: untilMs ?? performance.now() + RETRY_MS_MAX,
        });
      } else if (decided instanceof PendingReply) {
        decided.join((result, gate) => {
          this.#reply(gateway, [requestId, toReply(command, result)], gate);
        });
        this.#commit.reply(gateway, [requestId, DEFERRED], 0);
      } else this.#replyDecided(gateway, requestId, command, decided);
    });
  }

  /**
   * A command about partners or keys is answered only after every gateway has confirmed its facts. This includes
   * retries and refusals: a key that "does not exist" may just have been revoked here while another gateway still
   * accepts it.
   */
  #replyDecided(gateway: number, requestId: number, command: Command, decided: Decided): void {
    const reply = [requestId, toReply(command, decided)] as const;
    const gate = this.#options.executor.gateOf(decided);
    if (!concernsGateways(command)) {
      this.#reply(gateway, reply, gate);
      return;
    }
    // Gateways may be slow to confirm; later requests must not wait for that.
    this.#commit.reply(gateway, [requestId, DEFERRED], 0);
    const facts = "ok" in decided ? factsOf(command, decided) : [];
    const tell = ({ id, timeMs }: Durable) =>
      this.#options.gateways.tell(facts, () =>
        this.#options.gateways.send(gateway, [TO_GATEWAY.replies, id.epoch, id.seq, timeMs, [reply]]),
      );
    if (this.#commit.isOpen(gate)) this.#commit.whenDurable(gate, tell);
    else this.#options.lease.whenOwned(() => this.#commit.whenDurable(gate, tell));
  }

  /**
   * A reply to a batch that is still open is proved by that batch's append: it succeeds only for the owner of the
   * log. Any other reply (a refusal, a read) shows our memory, which is stale once another server owns the log, so it
   * needs the lease. Replies that may leave are sent at the end of this turn, in one message for each gateway.
   */
  #reply(gateway: number, reply: Reply, gate: number): void {
    if (this.#commit.isOpen(gate) || this.#options.lease.isOwned) {
      this.#commit.reply(gateway, reply, gate);
      return;
    }
    this.#options.lease.whenOwned(() => {
      this.#commit.reply(gateway, reply, gate);
      this.#commit.sendReady();
    });
  }

  /** If more expiries are due on the subject than may be processed now, the read waits until all are processed. */
  #handleQuery(gateway: number, requestId: number, partner: string, query: Query): void {
    const { executor } = this.#options;
    // Reads without a subject see expiries only through this.
    executor.expirePortion();
    const backlog = this.#answerQuery(gateway, requestId, partner, query);
    if (backlog === undefined) return;
    this.#commit.reply(gateway, [requestId, DEFERRED], 0);
    executor.expiryWaits.add(backlog, {
      resume: () => this.#answerQuery(gateway, requestId, partner, query),
      giveUp: () => this.#commit.reply(gateway, [requestId, UNANSWERED], 0),
    });
  }

  /** @returns the expiries that the query has to wait for; `undefined` if it was answered. */
  #answerQuery(gateway: number, requestId: number, partner: string, query: Query): ExpiryBacklog | undefined {
    const { ledger, executor, cuts, onResume } = this.#options;
    const answer = (result: unknown, batch = this.#commit.newestSeq) =>
      this.#reply(gateway, [requestId, result], batch);
    switch (query[0]) {
      case "transfer":
        executor.expireDueTransfer(query[1]);
        answer(null);
        return undefined;
      case "tick": {
        if (!this.#commit.mayReach(query[1] + 1)) {
          answer(false);
          return undefined;
        }
        const backlog = executor.tick(partner, query[2], query[1]);
        if (backlog === undefined) answer(true);
        return backlog;
      }
      case "halt": {
        const halted = cuts.halt(query[1], query[2], answer);
        if (halted === "refused") answer(null);
        // The requests that end the wait may come later in this mailbox.
        if (halted === "waits") this.#commit.reply(gateway, [requestId, DEFERRED], 0);
        return undefined;
      }
      case "capture": {
        const backlog = executor.expireDue(partner, query[2]);
        if (backlog !== undefined) return backlog;
        const { result, isOver } = cuts.capture(partner, query[1], query[2], query[3]);
        answer(result);
        if (isOver) onResume();
        return undefined;
      }
      default: {
        const backlog = executor.expireDue(partner, accountsOf(query));
        if (backlog !== undefined) return backlog;
        const { result, batch } = answerQuery(ledger, partner, query, this.#commit.openTime());
        answer(result, batch);
        return undefined;
      }
    }
  }

  /** The result depends on every command decided so far, so it waits for the newest batch. */
  #handleDryRun(gateway: number, requestId: number, packed: Uint8Array): void {
    readCommands(packed, (command, start, end) => {
      const decided = this.#options.executor.dryRun(command, packed, start, end);
      const reply = (result: Decided | CrossShardResult) =>
        this.#reply(gateway, [requestId, toReply(command, result)], this.#commit.newestSeq);
      if (decided instanceof PendingReply) {
        decided.join(reply);
        this.#commit.reply(gateway, [requestId, DEFERRED], 0);
      } else reply(decided);
    });
  }

  #handleTransfers(gateway: number, requestId: number, packed: Uint8Array): void {
    const { executor } = this.#options;
    const items = this.#items;
    /** Created with the first cross-shard transfer of the batch. */
    let open: OpenTransfers | undefined;
    items.begin();
    readCommands(packed, (command, start, end) => {
      const decided = this.#commit.overfull
        ? executor.defer(command, packed, start, end)
        : executor.execute(command, packed, start, end);
      if (decided instanceof PendingReply) {
        open ??= new OpenTransfers((reply, gate) => this.#reply(gateway, [requestId, reply], gate));
        decided.join(open.expect(items.leaveOpen()));
      } else items.add(decided === RETRY_LATER ? [REFUSED, "overloaded"] : decided);
    });
    const gate = this.#commit.newestSeq;
    if (open === undefined) this.#reply(gateway, [requestId, items.take()], gate);
    else {
      open.rest(items.take(), gate);
      this.#commit.reply(gateway, [requestId, DEFERRED], gate);
    }
  }
}

function toReply(command: Command, result: Decided | CrossShardResult): CommandReply {
  if ("ok" in result) return packOutcome(command, result);
  if (!("credits" in result)) return result;
  const { at, credits, outcome, repeated } = result;
  return [SETTLED, at.epoch, at.seq, at.timeMs, credits, packOutcome(command, outcome), repeated];
}

/** The subjects whose due expiries must be processed before the query is answered. */
function accountsOf(query: Query): readonly string[] {
  switch (query[0]) {
    case "account":
    case "system_account":
      return [query[1]];
    case "accounts":
      return query[1];
    case "account_copies":
      return query[1][0];
    case "programme":
      return query[2] === null ? [] : [query[2]];
    default:
      return [];
  }
}
