/**
 * The history of all requests and answers of the clients, and the oracles that judge an answer at once. Oracles that need
 * the logs run at the end, in `log-oracles.ts`.
 */

import { isSystemAccount, shardOfVnode } from "../../src/actors/ledger/routing.ts";
import { parseTransferId } from "../../src/actors/ledger/transfer-id.ts";
import type { AccountView, Command, Outcome } from "../../src/actors/records/command.ts";
import type { TransferView } from "../../src/actors/records/compound-command.ts";
import { assert } from "../../src/errors/assert.ts";
import type { OperatingErrorCode } from "../../src/errors/operating-error.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { ApiKeys } from "./keys.ts";
import type { SimContext } from "./sim-context.ts";
import { BANK, BANK_FUNDS, type Workload } from "./workload.ts";

/** A command with an idempotency key, and the answers to it so far. */
export type Asked = {
  readonly key: string;
  readonly command: Command;
  /** The number of attempts with an unknown outcome. */
  unknown: number;
  /** An id, the code of a rejection, or "ok": the answer in the short form of batch items. */
  item: string | undefined;
  /** The full outcome as JSON; `undefined` if no full answer came. */
  whole: string | undefined;
  outcome: Outcome | undefined;
  isGivenUp: boolean;
};

type Answer = Awaited<ReturnType<Gateway["submit"]>>;
type Decided = Extract<Answer, { outcome: unknown }>;

/** A posted balance that a client was shown, after entry `seq`. */
export type ShownBalance = Readonly<{ partner: string; account: string; seq: number; posted: number }>;
/** `begunAfter`: for a read, the number of answers recorded when it began. */
export type ShownView = Readonly<{ partner: string; view: AccountView; begunAfter?: number }>;
export type ShownCut = Readonly<{
  partner: string;
  accounts: readonly AccountView[];
  inTransit: Readonly<Record<string, number | bigint>>;
}>;

/** What clients knew when a read began; the read must show at least this. */
export type ReadBaseline = Readonly<{
  seqs: ReadonlyMap<string, number>;
  loggedMs: readonly number[];
  /** The number of answers recorded. */
  answers: number;
}>;

export class ClientHistory {
  readonly asked = new Map<string, Asked>();
  /** Ids in answers to commands without a key. */
  readonly unkeyed: string[] = [];
  readonly balances: ShownBalance[] = [];
  readonly views: ShownView[] = [];
  readonly cuts: ShownCut[] = [];
  /** By transfer and part: the number of the first answer that acknowledged it. */
  readonly firstAnswers = new Map<string, number>();
  readonly apiKeys: ApiKeys;
  answers = 0;
  readonly #world: SimContext;
  readonly #workload: Workload;
  readonly #seqs = new Map<string, number>();
  /** By shard: the newest time of a record that a client has seen. */
  readonly #loggedMs: number[];

  constructor(world: SimContext, workload: Workload) {
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

  /** Records an answer. @returns whether it is final, so that the client need not retry */
  recordAnswer(asked: Asked | undefined, command: Command, answer: Answer): boolean {
    this.answers += 1;
    if ("refused" in answer) {
      // A time in a command that was not executed yet may have passed before the retry.
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
    const whole = visibleOutcome(outcome);
    this.#compare(asked, itemOf(outcome));
    if (asked.whole !== undefined && asked.whole !== whole)
      this.#fail("I11 one key, one outcome", `${nameOf(command)} was ${asked.whole}, and is ${whole} now`);
    asked.whole = whole;
    asked.outcome = outcome;
    return true;
  }

  /** Records the answer to a batch item. @returns whether it is final */
  recordItem(asked: Asked, answer: Readonly<{ id: string } | { code: string }>): boolean {
    const text = "id" in answer ? answer.id : answer.code;
    if (OPERATING.has(text)) {
      if (text === "outcome_unknown") asked.unknown += 1;
      return false;
    }
    this.answers += 1;
    this.#compare(asked, text);
    if ("id" in answer) {
      this.#noteTransfer(asked.command, text);
      this.#noteFirstAnswer(asked.command, `${text}/0`);
    }
    return true;
  }

  /** Records the answer to a reused key with another body, which must be rejected. */
  recordAltered(asked: Asked, answer: Answer): void {
    this.answers += 1;
    if ("refused" in answer && answer.refused === "idempotency_key_reused") return;
    // The first command was on an unknown transfer, and did not use the key.
    if (asked.item === "transfer_not_found") return;
    this.#fail(
      "I11 one key, one outcome",
      `${nameOf(asked.command)} with another body is ${JSON.stringify(answer)}`,
    );
  }

  /** Uses logged time, not a clock: while an append takes long, the next batch keeps its own time. */
  readBaseline(): ReadBaseline {
    return { seqs: new Map(this.#seqs), loggedMs: [...this.#loggedMs], answers: this.answers };
  }

  /** Records the accounts that a read has shown. */
  recordViews(
    partner: string,
    ids: readonly string[],
    views: readonly AccountView[],
    known: ReadBaseline,
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
      this.#noteSeq(partner, view.id, view.seq);
    }
  }

  recordCut(
    partner: string,
    ids: readonly string[],
    cut: Awaited<ReturnType<Gateway["consistentAccounts"]>>,
    known: ReadBaseline,
  ): void {
    assert(cut !== undefined, "accounts without metadata fit into a page");
    this.recordViews(partner, ids, cut.accounts, known, "a cut");
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

  recordTrialBalance(trial: Awaited<ReturnType<Gateway["trialBalance"]>>): void {
    this.answers += 1;
    for (const [asset, { sum, inTransit }] of Object.entries(trial.assets))
      if (sum + inTransit !== 0n)
        this.#fail(
          "I1 books balance",
          `the trial balance of ${asset} is ${sum}, with ${inTransit} in transit`,
        );
  }

  recordTransfer(id: string, row: TransferView | undefined, known: ReadBaseline): void {
    this.answers += 1;
    if (row === undefined) {
      this.#fail("reads are not stale", `there is no transfer ${id}, which was acknowledged before`);
      return;
    }
    const { status, expiresAtMs } = row;
    if (status !== "pending" || expiresAtMs === null) return;
    const home = shardOfVnode(parseTransferId(id)?.vnode ?? 0, known.loggedMs.length);
    const loggedMs = known.loggedMs[home] ?? 0;
    if (expiresAtMs <= loggedMs)
      this.#fail(
        "what is over is ended",
        `${id} is shown as pending ${loggedMs - expiresAtMs} ms after its expiry`,
      );
  }

  /** Records the answer to an attempt on another partner's data. */
  recordForeign(what: string, found: string): void {
    this.answers += 1;
    if (FOREIGN.has(found)) return;
    this.#fail("I12 partners see nothing of each other", `${what} is ${found} for another partner`);
  }

  #learn(command: Command, { outcome, timeMs, position }: Decided): void {
    const shard = Number(position.split(":", 1)[0]);
    this.#loggedMs[shard] = Math.max(this.#loggedMs[shard] ?? 0, timeMs);
    if (!outcome.ok) return;
    const { partner } = command;
    if (command.op === "revoke_key") this.apiKeys.revoked(command.keyId);
    if ("account" in outcome) {
      this.views.push({ partner, view: outcome.account });
      this.#noteSeq(partner, outcome.account.id, outcome.account.seq);
    } else if ("debitPosted" in outcome && command.op === "transfer" && "creditPosted" in outcome) {
      this.#noteBalance(partner, command.debit, outcome.debitSeq, outcome.debitPosted);
      this.#noteBalance(partner, command.credit, outcome.creditSeq, outcome.creditPosted);
    } else if ("moves" in outcome) {
      for (const { account, seq, posted } of outcome.moves) this.#noteBalance(partner, account, seq, posted);
    }
    if (!("id" in outcome)) return;
    const view = "transfer" in outcome ? outcome.transfer : undefined;
    this.#noteFirstAnswer(command, `${outcome.id}/${"part" in outcome ? outcome.part : 0}`);
    this.#noteTransfer(command, outcome.id, view?.status === "pending");
    if (view?.status === "pending" && view.expiresAtMs !== null)
      this.#workload.madeBy(partner).endsAtMs.set(view.id, view.expiresAtMs);
  }

  #noteTransfer(
    command: Command,
    id: string,
    isPending = command.op === "compound_transfer" && command.pending,
  ): void {
    const made = this.#workload.madeBy(command.partner);
    // The bank's initial funding is not reverted.
    if (command.partner === BANK && command.op === "transfer" && isSystemAccount(command.debit)) return;
    if (made.all.includes(id)) return;
    made.all.push(id);
    if (isPending) made.pending.push(id);
  }

  /** Notes the first answer. A pending transfer has no entries yet; its posts are parts of it, from 0 on. */
  #noteFirstAnswer(command: Command, part: string): void {
    if (command.op === "compound_transfer" && command.pending) return;
    if (!this.firstAnswers.has(part)) this.firstAnswers.set(part, this.answers);
  }

  #noteBalance(partner: string, account: string, seq: number, posted: number): void {
    if (isSystemAccount(account)) return;
    this.balances.push({ partner, account, seq, posted });
    this.#noteSeq(partner, account, seq);
  }

  #noteSeq(partner: string, account: string, seq: number): void {
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

  #fail(...violation: Parameters<SimContext["fail"]>): void {
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

/** The part of an outcome that callers see: without slices of system accounts. */
function visibleOutcome(outcome: Outcome): string {
  if (!outcome.ok || !("moves" in outcome)) return JSON.stringify(outcome);
  return JSON.stringify({
    ...outcome,
    moves: outcome.moves.filter(({ account }) => !isSystemAccount(account)),
  });
}

/** An outcome in the short form of batch items. */
export function itemOf(outcome: Readonly<{ ok: true; id?: string } | { ok: false; code: string }>): string {
  return outcome.ok ? (outcome.id ?? "ok") : outcome.code;
}
