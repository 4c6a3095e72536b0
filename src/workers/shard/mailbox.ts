/** The one mailbox of a shard: what gateways ask is handled one message at a time, and answered through the gate. */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { concernsGateways, factsOf } from "../../actors/ledger/partner.ts";
import { packOutcome, readCommands } from "../../actors/records/codec.ts";
import type { Command } from "../../actors/records/command.ts";
import { decode } from "../../actors/records/pack.ts";
import { type Crossed, PendingReply } from "../cross-shard/pending-reply.ts";
import type { StillDue } from "./clock/expiry-waits.ts";
import type { Cuts } from "./cuts.ts";
import { type Executor, RETRY_LATER } from "./executor.ts";
import type { Gateways } from "./gateways.ts";
import type { Durable, GroupCommit } from "./group-commit.ts";
import { ItemsWriter, OpenTransfers } from "./items-writer.ts";
import type { Lease } from "./lease.ts";
import {
  AWAITED,
  type CommandReply,
  type Decided,
  type Query,
  REFUSED,
  REQUEST,
  type Reply,
  type Request,
  SETTLED,
  TO_GATEWAY,
  UNANSWERED,
} from "./messages.ts";
import { answerQuery } from "./shard-query.ts";

/** A change of an account that has to wait for credits on their way is refused after this time. */
const LATER_MS_MAX = 2_000;

/** What is tried again has a time until which that makes sense. */
type Mail = Readonly<{ gateway: number; requests: readonly Request[]; untilMs?: number }>;

export type MailboxOptions = Readonly<{
  ledger: Ledger;
  executor: Executor;
  commit: GroupCommit;
  lease: Lease;
  gateways: Gateways;
  cuts: Cuts;
  /** Messages of other shards may be taken again. */
  onResume: () => void;
}>;

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #commit: GroupCommit;
  readonly #items = new ItemsWriter();
  #mails: Mail[] = [];
  /** Requests of the first mail that are handled. */
  #handled = 0;
  #later: Required<Mail>[] = [];
  reads = 0;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#commit = options.commit;
  }

  /** Requests that wait. */
  get depth(): number {
    return this.#mails.reduce((sum, { requests }) => sum + requests.length, -this.#handled);
  }

  /** Whether there are requests that are to be tried again. */
  get hasLater(): boolean {
    return this.#later.length > 0 || this.#options.executor.waits.size > 0;
  }

  /** Packed requests of a gateway. */
  put(gateway: number, bytes: Uint8Array): void {
    this.#mails.push({ gateway, requests: decode(bytes) as Request[] });
  }

  /** Handles what there is, as far as the open batch has room: first what has waited. */
  work(): void {
    this.#options.executor.waits.work();
    for (let mail = this.#mails[0]; mail !== undefined; mail = this.#mails[0]) {
      while (this.#handled < mail.requests.length) {
        // Once its append has begun, the next batch is decided meanwhile.
        if (this.#commit.full) this.#commit.flush();
        if (this.#commit.full) return;
        this.#handle(mail, mail.requests[this.#handled++] as Request);
      }
      this.#mails.shift();
      this.#handled = 0;
    }
  }

  /** Puts what had to wait for credits on their way into the box again, while there is time; refuses what waited too long. */
  tryAgain(): void {
    this.#options.executor.waits.expire();
    const later = this.#later;
    this.#later = [];
    const nowMs = performance.now();
    for (const mail of later) {
      const [request] = mail.requests;
      if (nowMs < mail.untilMs) this.#mails.push(mail);
      else if (request !== undefined)
        this.#commit.reply(mail.gateway, [request[0], [REFUSED, "overloaded"]], 0);
    }
  }

  #handle(mail: Mail, request: Request): void {
    const { gateway } = mail;
    const no = request[0];
    switch (request[1]) {
      case REQUEST.command:
        this.#handleCommand(mail, request, request[2]);
        return;
      case REQUEST.transfers:
        this.#handleTransfers(gateway, no, request[2]);
        return;
      case REQUEST.query:
        this.reads += 1;
        this.#handleQuery(gateway, no, request[2], request[3]);
        return;
      case REQUEST.dry_run:
        this.#handleDryRun(gateway, no, request[2]);
        return;
      case REQUEST.learned:
        this.#options.gateways.learned(gateway, no);
        return;
    }
  }

  #handleCommand({ gateway, untilMs }: Mail, request: Request, packed: Uint8Array): void {
    const [no] = request;
    readCommands(packed, (command, start, end) => {
      const decided = this.#options.executor.execute(command, packed, start, end);
      if (decided === RETRY_LATER) {
        // What came with it, or comes after it, must not wait for it.
        if (untilMs === undefined) this.#commit.reply(gateway, [no, AWAITED], 0);
        this.#later.push({
          gateway,
          requests: [request],
          untilMs: untilMs ?? performance.now() + LATER_MS_MAX,
        });
      } else if (decided instanceof PendingReply) {
        decided.join((result, gate) => {
          this.#reply(gateway, [no, toReply(command, result)], gate);
        });
        this.#commit.reply(gateway, [no, AWAITED], 0);
      } else this.#replyDecided(gateway, no, command, decided);
    });
  }

  /**
   * Every gateway must know the facts of a command before anybody hears that it is done. The same goes for its repeats, and
   * for a refusal: the key that "does not exist" may have been revoked a moment ago, and still be taken at another gateway.
   */
  #replyDecided(gateway: number, no: number, command: Command, decided: Decided): void {
    const reply = [no, toReply(command, decided)] as const;
    const gate = this.#options.executor.gateOf(decided);
    if (!concernsGateways(command)) {
      this.#reply(gateway, reply, gate);
      return;
    }
    // Gateways may be slow to confirm: what comes after it must not wait for them.
    this.#commit.reply(gateway, [no, AWAITED], 0);
    const facts = "ok" in decided ? factsOf(command, decided) : [];
    const tell = ({ id, timeMs }: Durable) =>
      this.#options.gateways.tell(facts, () =>
        this.#options.gateways.send(gateway, [TO_GATEWAY.replies, id.epoch, id.seq, timeMs, [reply]]),
      );
    if (this.#commit.isOpen(gate)) this.#commit.whenDurable(gate, tell);
    else this.#options.lease.whenOwned(() => this.#commit.whenDurable(gate, tell));
  }

  /**
   * What waits for no append that is still to begin says what we know, as a refusal or a read does: that is worth nothing once
   * another server owns the log, where the command may have been done. What may leave does so at the end of this turn, all in
   * one message.
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

  /** A read that meets more that is due than may be ended now waits until none of it is left. */
  #handleQuery(gateway: number, no: number, partner: string, query: Query): void {
    const { executor } = this.#options;
    // Some of all that is due, for those reads that concern no subject.
    executor.expireSome();
    const still = this.#answerQuery(gateway, no, partner, query);
    if (still === undefined) return;
    this.#commit.reply(gateway, [no, AWAITED], 0);
    executor.waits.add(still, {
      resume: () => this.#answerQuery(gateway, no, partner, query),
      giveUp: () => this.#commit.reply(gateway, [no, UNANSWERED], 0),
    });
  }

  /** @returns what it has to wait for. */
  #answerQuery(gateway: number, no: number, partner: string, query: Query): StillDue | undefined {
    const { ledger, executor, cuts, onResume } = this.#options;
    const answer = (result: unknown, batch = this.#commit.newestSeq) =>
      this.#reply(gateway, [no, result], batch);
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
        const still = executor.tick(partner, query[2], query[1]);
        if (still === undefined) answer(true);
        return still;
      }
      case "halt": {
        const halted = cuts.halt(query[1], query[2], answer);
        if (halted === "refused") answer(null);
        // What ends its waiting may come after it.
        if (halted === "waits") this.#commit.reply(gateway, [no, AWAITED], 0);
        return undefined;
      }
      case "capture": {
        const still = executor.expireDue(partner, query[2]);
        if (still !== undefined) return still;
        const { result, isOver } = cuts.capture(partner, query[1], query[2], query[3]);
        answer(result);
        if (isOver) onResume();
        return undefined;
      }
      default: {
        const still = executor.expireDue(partner, accountsOf(query));
        if (still !== undefined) return still;
        const { result, batch } = answerQuery(ledger, partner, query, this.#commit.openTime());
        answer(result, batch);
        return undefined;
      }
    }
  }

  /** What it would come to depends on all that was decided so far. */
  #handleDryRun(gateway: number, no: number, packed: Uint8Array): void {
    readCommands(packed, (command, start, end) => {
      const decided = this.#options.executor.dryRun(command, packed, start, end);
      const reply = (result: Decided | Crossed) =>
        this.#reply(gateway, [no, toReply(command, result)], this.#commit.newestSeq);
      if (decided instanceof PendingReply) {
        decided.join(reply);
        this.#commit.reply(gateway, [no, AWAITED], 0);
      } else reply(decided);
    });
  }

  #handleTransfers(gateway: number, no: number, packed: Uint8Array): void {
    const { executor } = this.#options;
    const items = this.#items;
    /** Made for the first transfer that crosses to another shard. */
    let open: OpenTransfers | undefined;
    items.begin();
    readCommands(packed, (command, start, end) => {
      const decided = this.#commit.overfull
        ? executor.defer(command, packed, start, end)
        : executor.execute(command, packed, start, end);
      if (decided instanceof PendingReply) {
        open ??= new OpenTransfers((reply, gate) => this.#reply(gateway, [no, reply], gate));
        decided.join(open.expect(items.leaveOpen()));
      } else items.add(decided === RETRY_LATER ? [REFUSED, "overloaded"] : decided);
    });
    const gate = this.#commit.newestSeq;
    if (open === undefined) this.#reply(gateway, [no, items.take()], gate);
    else {
      open.rest(items.take(), gate);
      this.#commit.reply(gateway, [no, AWAITED], gate);
    }
  }
}

/** One command's reply: its outcome as the log has it, or a word about its key. */
function toReply(command: Command, result: Decided | Crossed): CommandReply {
  if ("ok" in result) return packOutcome(command, result);
  if (!("credits" in result)) return result;
  const { at, credits, outcome, repeated } = result;
  return [SETTLED, at.epoch, at.seq, at.timeMs, credits, packOutcome(command, outcome), repeated];
}

/** Accounts that a query shows. */
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
