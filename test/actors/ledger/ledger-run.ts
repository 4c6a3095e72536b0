/** Runs a history on one ledger, doing the work of a shard's executor and of a gateway. */

import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { countedTransferId } from "../../../src/actors/ledger/transfer-id.ts";
import {
  decideLegs,
  decideVoidOrExpiry,
  NOT_OPEN,
  plan,
} from "../../../src/actors/ledger/transfers/compound.ts";
import type { Question, Random, Seal } from "../../../src/actors/programmes/programme.ts";
import { revertActOf } from "../../../src/actors/programmes/programmes.ts";
import type { Command, LogRecord, Outcome } from "../../../src/actors/records/command.ts";
import type {
  Original,
  PostTransfer,
  RevertTransfer,
  Settled,
  TransferView,
  VoidTransfer,
} from "../../../src/actors/records/compound-command.ts";
import { commandOf, type Step } from "./histories.ts";

const BEGINNING_MS = 1_700_000_000_000;

type Fields = "id" | "status" | "postings" | "postedAmount" | "act" | "effect" | "seqs";
type Known = Readonly<{ partner: string; view: Pick<TransferView, Fields> }>;
export type TimedRecord = LogRecord & Readonly<{ timeMs: number }>;

/** A seal for tests that does not hide the secret. */
const showing: Seal = (secret, purpose) => `${purpose}: ${Buffer.from(secret).toString("hex")}`;

export class LedgerRun {
  /** Tests may replace it with a copy rebuilt from a log or a snapshot. */
  ledger: Ledger;
  readonly #made = { all: [] as string[], pending: [] as string[] };
  nowMs = BEGINNING_MS;
  /** Called with each record before it is applied. */
  readonly #log: (record: TimedRecord) => void;
  /** Every transfer as the archive would have it. */
  readonly #archive = new Map<string, Known>();
  #records = 0;

  constructor(log: (record: TimedRecord) => void, random?: Random) {
    this.ledger = new Ledger(0, 1, random, { seal: showing });
    this.#log = log;
  }

  take(step: Step): Readonly<{ command: Command; outcome: Outcome }> {
    this.nowMs += step.afterMs;
    this.end();
    return this.do(commandOf(step, this.#made));
  }

  do(request: Command): Readonly<{ command: Command; outcome: Outcome }> {
    this.end();
    const command = this.#withOriginal(request);
    const outcome = this.#decide(command);
    this.#record(command, outcome);
    this.#file(command, outcome);
    return { command, outcome };
  }

  ask<R>(partner: string, { programme, ask }: Question<R>): R {
    this.end();
    return this.ledger.state.programmes.answer(programme, partner, ask, this.nowMs) as R;
  }

  /** Executes everything that has expired by now. */
  end(): void {
    this.#expire();
    const { scheduler } = this.ledger.state.programmes;
    for (let next = scheduler.nextDue(this.nowMs); next; next = scheduler.nextDue(this.nowMs)) {
      const command = next.command();
      const outcome = this.#decide(command);
      if (!outcome.ok) throw new Error(`the expiry of ${next.id} is refused: ${outcome.code}`);
      this.#record(command, outcome);
      this.#file(command, outcome);
    }
  }

  #expire(): void {
    const { compound } = this.ledger;
    for (
      let due = compound.pending.nextExpired(this.nowMs);
      due;
      due = compound.pending.nextExpired(this.nowMs)
    ) {
      const { id, partner } = due;
      const command = { op: "expire_transfer", partner, key: null, fingerprint: 0, id } as const;
      const outcome = decideVoidOrExpiry(compound, command, this.nowMs);
      if (outcome === NOT_OPEN || !outcome.ok) throw new Error(`the expiry of transfer ${id} is refused`);
      this.#record(command, outcome);
      this.#file(command, outcome);
    }
  }

  #decide(command: Command): Outcome {
    const { ledger, nowMs } = this;
    const newId = (vnode: number) => countedTransferId(vnode, 1, this.#archive.size + 1);
    switch (command.op) {
      case "compound_transfer":
      case "revert_transfer":
      case "post_transfer": {
        const planned = plan(ledger.compound, command);
        if (planned === NOT_OPEN) return this.#decide(this.#settled(command as PostTransfer));
        const id = command.op === "post_transfer" ? command.id : newId(command.vnode);
        return planned.ok ? decideLegs(ledger.compound, command, planned, new Map(), id, nowMs) : planned;
      }
      case "void_transfer": {
        const outcome = decideVoidOrExpiry(ledger.compound, command, nowMs);
        return outcome === NOT_OPEN ? this.#decide(this.#settled(command)) : outcome;
      }
      case "expire_transfer":
      case "reserve":
      case "release":
      case "portion":
      case "tick":
        throw new Error(`no client sends ${command.op}`);
      default:
        return ledger.decide(command, nowMs, newId);
    }
  }

  #record(command: Command, outcome: Outcome): void {
    this.#log({ command, outcome, timeMs: this.nowMs });
    this.ledger.apply(command, outcome, { epoch: 1, seq: 1, index: this.#records++, timeMs: this.nowMs }, 1);
  }

  #file(command: Command, outcome: Outcome): void {
    if (!outcome.ok || !("id" in outcome)) return;
    const { id } = outcome;
    if (!this.#archive.has(id)) {
      this.#made.all.push(id);
      if ("transfer" in outcome && outcome.transfer.status === "pending") this.#made.pending.push(id);
    }
    const { partner } = command;
    if ("transfer" in outcome) this.#archive.set(id, { partner, view: outcome.transfer });
    else if (command.op === "transfer" && "debitSeq" in outcome) {
      const { debit, credit, amount, act } = command;
      const { debitSeq, creditSeq, effect } = outcome;
      const view = {
        id,
        status: "posted",
        postings: [{ debit, credit, amount }],
        postedAmount: amount,
      } as const;
      const acted = { ...(effect !== undefined && { effect }), seqs: [debitSeq, creditSeq] } as const;
      this.#archive.set(id, { partner, view: act === undefined ? view : { ...view, act, ...acted } });
    }
  }

  #settled<C extends PostTransfer | VoidTransfer>(command: C): C {
    const view = this.#known(command);
    if (view?.status === "pending")
      throw new Error(`${command.id} is pending in the archive but not open in the ledger`);
    const settled: Settled = view?.status ?? "none";
    return { ...command, settled };
  }

  /** Adds the original to a revert, as a gateway does. */
  #withOriginal(command: Command): Command {
    if (command.op !== "revert_transfer") return command;
    const view = this.#known(command);
    const act = view?.act && revertActOf(view.act, view);
    const original = view === undefined ? null : originalOf(view);
    return { ...command, original, ...(act !== undefined && { act }) };
  }

  /** The transfer as the archive has it; another partner's transfer counts as not found. */
  #known({ partner, id }: PostTransfer | VoidTransfer | RevertTransfer): Known["view"] | undefined {
    const known = this.#archive.get(id);
    return known?.partner === partner ? known.view : undefined;
  }
}

function originalOf({ status, postings, postedAmount }: Known["view"]): Original {
  if (status === "pending" || postedAmount === 0) return { postings: [] };
  if (postings.length > 1) return { postings };
  return { postings: postings.map(({ debit, credit }) => ({ debit, credit, amount: postedAmount })) };
}
