/**
 * All that clients were told, and the oracles that can judge an answer as soon as it is heard. What only the logs can tell
 * is judged at the end, in `log-oracles.ts`.
 */

import { isSystemAccount, shardOfVnode } from "../../src/actors/ledger/routing.ts";
import { parseTransferId } from "../../src/actors/ledger/transfer-id.ts";
import type { AccountView, Command, Outcome } from "../../src/actors/records/command.ts";
import type { TransferView } from "../../src/actors/records/compound-command.ts";
import type { OperatingErrorCode } from "../../src/errors/operating-error.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { ApiKeys } from "./keys.ts";
import type { Surroundings } from "./surroundings.ts";
import { BANK, BANK_FUNDS, type Workload } from "./workload.ts";

/** A command with a key, and what its client has heard so far. */
export type Asked = {
  readonly key: string;
  readonly command: Command;
  /** Attempts whose end nobody knows. */
  unknown: number;
  /** An id, the code of a rejection, or "ok": what an item of a batch is told, too. */
  item: string | undefined;
  /** The whole outcome, where it was told. */
  whole: string | undefined;
  outcome: Outcome | undefined;
  isGivenUp: boolean;
};

type Answer = Awaited<ReturnType<Gateway["submit"]>>;
type Decided = Extract<Answer, { outcome: unknown }>;

/** An account was said to have so much after its entry `seq`. */
export type SaidBalance = Readonly<{ partner: string; account: string; seq: number; posted: number }>;
/** `begunAfter`: of a read, how many answers had been heard when it began. */
export type SaidView = Readonly<{ partner: string; view: AccountView; begunAfter?: number }>;
export type SaidCut = Readonly<{
  partner: string;
  accounts: readonly AccountView[];
  inTransit: Readonly<Record<string, number | bigint>>;
}>;

/** What was known to somebody when a read began: it must show as much. */
export type Known = Readonly<{
  seqs: ReadonlyMap<string, number>;
  loggedMs: readonly number[];
  /** So many answers had been heard. */
  answers: number;
}>;

export class Testimony {
  readonly asked = new Map<string, Asked>();
  /** Ids that were told for commands without a key. */
  readonly unkeyed: string[] = [];
  readonly balances: SaidBalance[] = [];
  readonly views: SaidView[] = [];
  readonly cuts: SaidCut[] = [];
  /** By transfer and part, the answer that was the first to say that it is done. */
  readonly told = new Map<string, number>();
  readonly apiKeys: ApiKeys;
  answers = 0;
  readonly #world: Surroundings;
  readonly #workload: Workload;
  readonly #seqs = new Map<string, number>();
  /** By shard, the newest time of a record that somebody has heard of. */
  readonly #loggedMs: number[];

  constructor(world: Surroundings, workload: Workload) {
    this.#world = world;
    this.#workload = workload;
    this.apiKeys = new ApiKeys(world.random, world.fail);
    this.#loggedMs = world.stores.map(() => 0);
  }

  ask(command: Command & Readonly<{ key: string }>): Asked {
    const { key } = command;
    const asked: Asked = {
      key,
      command,
      unknown: 0,
      item: undefined,
      whole: undefined,
      outcome: undefined,
      isGivenUp: false,
    };
    this.asked.set(key, asked);
    return asked;
  }

  /** @returns whether the client has its answer, and need not ask again. */
  hear(asked: Asked | undefined, command: Command, answer: Answer): boolean {
    this.answers += 1;
    if ("refused" in answer) {
      // Of what was not done so far a time may have come meanwhile.
      if (answer.refused === "validation_failed" && asked !== undefined && asked.whole === undefined) {
        asked.isGivenUp = true;
        return true;
      }
      this.#fail(
        "I11 one key, one outcome",
        `${nameOf(command)} is ${answer.refused}, and was never used for anything else`,
      );
      return true;
    }
    this.#learn(command, answer);
    const { outcome } = answer;
    if (asked === undefined) {
      if (outcome.ok && "id" in outcome && command.op !== "post_transfer" && command.op !== "void_transfer")
        this.unkeyed.push(outcome.id);
      return true;
    }
    const whole = toldOf(outcome);
    this.#compare(asked, itemOf(outcome));
    if (asked.whole !== undefined && asked.whole !== whole)
      this.#fail("I11 one key, one outcome", `${nameOf(command)} was ${asked.whole}, and is ${whole} now`);
    asked.whole = whole;
    asked.outcome = outcome;
    return true;
  }

  /** An item of a batch. @returns whether it has its answer. */
  hearItem(asked: Asked, answer: Readonly<{ id: string } | { code: string }>): boolean {
    const text = "id" in answer ? answer.id : answer.code;
    if (OPERATING.has(text)) {
      if (text === "outcome_unknown") asked.unknown += 1;
      return false;
    }
    this.answers += 1;
    this.#compare(asked, text);
    if ("id" in answer) {
      this.#make(asked.command, text);
      this.#tell(asked.command, `${text}/0`);
    }
    return true;
  }

  /** A key that was answered before, asked for something else. */
  hearAltered(asked: Asked, answer: Answer): void {
    this.answers += 1;
    if ("refused" in answer && answer.refused === "idempotency_key_reused") return;
    // The first one named a transfer that does not exist, and used no key.
    if (asked.item === "transfer_not_found") return;
    this.#fail(
      "I11 one key, one outcome",
      `${nameOf(asked.command)} with another body is ${JSON.stringify(answer)}`,
    );
  }

  /** Logged time, not that of a clock: while an append takes long, the batch behind it stays at its own time. */
  known(): Known {
    return { seqs: new Map(this.#seqs), loggedMs: [...this.#loggedMs], answers: this.answers };
  }

  /** What a read has shown of the accounts that it was asked for. */
  hearViews(
    partner: string,
    ids: readonly string[],
    views: readonly AccountView[],
    known: Known,
    what: string,
  ): void {
    this.answers += 1;
    for (const id of ids) {
      const least = known.seqs.get(`${partner} ${id}`);
      const view = views.find((each) => each.id === id);
      if (least === undefined || (view !== undefined && view.seq >= least)) continue;
      const shown = view === undefined ? "nothing" : `entry ${view.seq}`;
      this.#fail(
        "reads are not stale",
        `${what} shows ${shown} of ${partner} ${id}, which had entry ${least} before`,
      );
    }
    for (const view of views) {
      this.views.push({ partner, view, begunAfter: known.answers });
      this.#see(partner, view.id, view.seq);
    }
  }

  hearCut(
    partner: string,
    ids: readonly string[],
    cut: Awaited<ReturnType<Gateway["consistentAccounts"]>>,
    known: Known,
  ): void {
    this.hearViews(partner, ids, cut.accounts, known, "a cut");
    this.cuts.push({ partner, ...cut });
    if (partner !== BANK || ids.length < this.#workload.idsOf(BANK).length) return;
    const moved = Number(cut.inTransit["PTS/0"] ?? 0);
    const sum = cut.accounts.reduce((total, { posted }) => total + posted, moved);
    if (sum === BANK_FUNDS * ids.length) return;
    const shown = cut.accounts.map(({ id, posted, seq }) => `${id}: ${posted} (${seq})`).join(", ");
    this.#fail(
      "cuts add up",
      `the bank has ${sum}, not ${BANK_FUNDS * ids.length}: ${shown}; on the way ${moved}`,
    );
  }

  hearTrial(trial: Awaited<ReturnType<Gateway["trialBalance"]>>): void {
    this.answers += 1;
    for (const [asset, { sum, inTransit }] of Object.entries(trial.assets))
      if (sum + inTransit !== 0n)
        this.#fail(
          "I1 books balance",
          `the trial balance of ${asset} is ${sum}, with ${inTransit} in transit`,
        );
  }

  hearTransfer(id: string, row: TransferView | undefined, known: Known): void {
    this.answers += 1;
    if (row === undefined) {
      this.#fail("reads are not stale", `there is no transfer ${id}, which was told before`);
      return;
    }
    const { status, expiresAtMs } = row;
    if (status !== "pending" || expiresAtMs === null) return;
    const home = shardOfVnode(parseTransferId(id)?.vnode ?? 0, known.loggedMs.length);
    const loggedMs = known.loggedMs[home] ?? 0;
    if (expiresAtMs <= loggedMs)
      this.#fail(
        "what is over is ended",
        `${id} is shown as pending ${loggedMs - expiresAtMs} ms after its end`,
      );
  }

  /** Somebody else has asked for what is none of his business. */
  hearForeign(what: string, found: string): void {
    this.answers += 1;
    if (FOREIGN.has(found)) return;
    this.#fail("I12 partners see nothing of each other", `${what} is ${found} to somebody else`);
  }

  #learn(command: Command, { outcome, timeMs, position }: Decided): void {
    const shard = Number(position.split(":", 1)[0]);
    this.#loggedMs[shard] = Math.max(this.#loggedMs[shard] ?? 0, timeMs);
    if (!outcome.ok) return;
    const { partner } = command;
    if (command.op === "revoke_key") this.apiKeys.revoked(command.keyId);
    if ("account" in outcome) {
      this.views.push({ partner, view: outcome.account });
      this.#see(partner, outcome.account.id, outcome.account.seq);
    } else if ("debitPosted" in outcome && command.op === "transfer" && "creditPosted" in outcome) {
      this.#say(partner, command.debit, outcome.debitSeq, outcome.debitPosted);
      this.#say(partner, command.credit, outcome.creditSeq, outcome.creditPosted);
    } else if ("moves" in outcome) {
      for (const { account, seq, posted } of outcome.moves) this.#say(partner, account, seq, posted);
    }
    if (!("id" in outcome)) return;
    const view = "transfer" in outcome ? outcome.transfer : undefined;
    this.#tell(command, `${outcome.id}/${"part" in outcome ? outcome.part : 0}`);
    this.#make(command, outcome.id, view?.status === "pending");
    if (view?.status === "pending" && view.expiresAtMs !== null)
      this.#workload.madeBy(partner).endsAtMs.set(view.id, view.expiresAtMs);
  }

  #make(
    command: Command,
    id: string,
    isPending = command.op === "compound_transfer" && command.pending,
  ): void {
    const made = this.#workload.madeBy(command.partner);
    // What the bank has at first stays with it.
    if (command.partner === BANK && command.op === "transfer" && isSystemAccount(command.debit)) return;
    if (made.all.includes(id)) return;
    made.all.push(id);
    if (isPending) made.pending.push(id);
  }

  /** What is only pending has no entries yet; its posts are parts of the same transfer, from 0 on. */
  #tell(command: Command, part: string): void {
    if (command.op === "compound_transfer" && command.pending) return;
    if (!this.told.has(part)) this.told.set(part, this.answers);
  }

  #say(partner: string, account: string, seq: number, posted: number): void {
    if (isSystemAccount(account)) return;
    this.balances.push({ partner, account, seq, posted });
    this.#see(partner, account, seq);
  }

  #see(partner: string, account: string, seq: number): void {
    const name = `${partner} ${account}`;
    this.#seqs.set(name, Math.max(this.#seqs.get(name) ?? 0, seq));
  }

  #compare(asked: Asked, item: string): void {
    if (asked.item !== undefined && asked.item !== item)
      this.#fail(
        "I11 one key, one outcome",
        `${nameOf(asked.command)} was ${asked.item}, and is ${item} now`,
      );
    asked.item = item;
  }

  #fail(...violation: Parameters<Surroundings["fail"]>): void {
    this.#world.fail(...violation);
  }
}

const OPERATING: ReadonlySet<string> = new Set<OperatingErrorCode>([
  "overloaded",
  "log_unavailable",
  "outcome_unknown",
]);
const FOREIGN: ReadonlySet<string> = new Set(["nothing", "account_not_found", "transfer_not_found"]);

export function nameOf({ op, key, partner }: Command): string {
  return `${op} ${partner} ${key ?? "without a key"}`;
}

/** What a caller is shown of it: a system account's slice would say nothing to anybody. */
function toldOf(outcome: Outcome): string {
  if (!outcome.ok || !("moves" in outcome)) return JSON.stringify(outcome);
  return JSON.stringify({
    ...outcome,
    moves: outcome.moves.filter(({ account }) => !isSystemAccount(account)),
  });
}

/** In one word. */
export function itemOf(outcome: Readonly<{ ok: true; id?: string } | { ok: false; code: string }>): string {
  return outcome.ok ? (outcome.id ?? "ok") : outcome.code;
}
