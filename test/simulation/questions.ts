/** Requests that clients send once and do not retry: reads, dry runs, and attempts on other partners' data. */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { AccountView, Command } from "../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../src/actors/records/compound-command.ts";
import type { Directory } from "../../src/gateway/directory.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import type { Random } from "../support/random.ts";
import type { ClientHistory, ReadBaseline } from "./client-history.ts";
import type { Operation } from "./swarm.ts";
import { BANK, MAIN, OTHER, transferOf, type Workload } from "./workload.ts";

/** An answer, and the function that records it when it reaches the client. */
export type OnceAnswer = Readonly<{ value: unknown; record: () => void }>;
export type Question = Readonly<{
  what: string;
  ask: (gateway: Gateway, directory: Directory) => Promise<OnceAnswer>;
}>;

type Answer = Awaited<ReturnType<Gateway["submit"]>>;

export function question<T>(
  what: string,
  ask: (gateway: Gateway, directory: Directory) => Promise<T>,
  record: (value: T) => void,
): Question {
  return {
    what,
    ask: (gateway, directory) =>
      ask(gateway, directory).then((value) => ({ value, record: () => record(value) })),
  };
}

export class Questions {
  readonly #random: Random;
  readonly #workload: Workload;
  readonly #history: ClientHistory;

  constructor(random: Random, workload: Workload, history: ClientHistory) {
    this.#random = random;
    this.#workload = workload;
    this.#history = history;
  }

  dryRun(partner: string): Question {
    const kind = this.#random.oneOf(["compound", "pending", "available"] as const);
    const key = this.#workload.newKey("dry");
    const command = this.#workload.command(kind, partner, key) as CompoundTransfer;
    return question(
      "a dry run",
      (gateway) => gateway.dryRun(command),
      () => {},
    );
  }

  /** A read of an account of a transfer that was just answered; `undefined` if it has only system accounts. */
  afterwards(command: Command): Question | undefined {
    const ids = accountsOf(command).filter((id) => !isSystemAccount(id));
    if (ids.length === 0) return undefined;
    return this.#readOne(command.partner, this.#random.oneOf(ids), this.#history.readBaseline());
  }

  /** A read of this kind; `undefined` if there is nothing to read. */
  reading(operation: Operation, partner: string): Question | undefined {
    const random = this.#random;
    const history = this.#history;
    const known = history.readBaseline();
    const reader = random.chance(operation === "cut" ? 0.7 : 0.3) ? BANK : partner;
    const ids = this.#workload.idsOf(reader);
    const record = (asked: readonly string[]) => (views: readonly AccountView[]) =>
      history.recordViews(reader, asked, views, known, "a read");
    switch (operation) {
      case "read": {
        return this.#readOne(reader, random.oneOf(ids), known);
      }
      case "reads":
        return question(
          `read all of ${reader}`,
          async (gateway) => (await gateway.accounts(reader, ids)).accounts,
          record(ids),
        );
      case "read_transfer": {
        const { all, pending } = this.#workload.madeBy(reader);
        const id = random.chance(0.8)
          ? pending.at(-1 - random.oneOf([0, 0, 1, 2]))
          : all.at(-1 - random.below(9));
        if (id === undefined) return undefined;
        return question(
          `read ${id}`,
          (gateway) => gateway.transfer(reader, id),
          (row) => history.recordTransfer(id, row, known),
        );
      }
      case "read_system":
        return question(
          "read @x",
          (gateway) => gateway.systemAccount(MAIN, "@x"),
          () => {},
        );
      case "cut": {
        const all = this.#workload.idsOf(reader);
        const chosen = random.chance(0.6) ? all.filter(() => random.chance(0.5)) : all;
        if (chosen.length < 2) return undefined;
        return question(
          `a cut of ${reader} ${chosen.join(" ")}`,
          (gateway) => gateway.consistentAccounts(reader, chosen),
          (cut) => history.recordCut(reader, chosen, cut, known),
        );
      }
      default: {
        const whose = random.chance(0.5) ? undefined : reader;
        return question(
          "the trial balance",
          (gateway) => gateway.trialBalance(whose),
          (trial) => history.recordTrialBalance(trial),
        );
      }
    }
  }

  #readOne(reader: string, id: string, known: ReadBaseline): Question {
    const ask = async (gateway: Gateway) => {
      const view = await gateway.account(reader, id);
      return view === undefined ? [] : [view];
    };
    return question(`read ${reader} ${id}`, ask, (views) =>
      this.#history.recordViews(reader, [id], views, known, "a read"),
    );
  }

  /** An attempt to read or change another partner's data. */
  snooping(): Question {
    const random = this.#random;
    const workload = this.#workload;
    const id = random.oneOf(workload.idsOf(MAIN).slice(workload.idsOf(OTHER).length));
    const transfer = workload.madeBy(MAIN).all.at(-1 - random.below(9)) ?? "tr_0019001";
    const kind = random.oneOf(["account", "transfer", "post", "void", "revert", "debit"] as const);
    const asked = { partner: OTHER, key: null, fingerprint: 0, id: transfer } as const;
    const what = `${kind} ${id} ${transfer} as another partner`;
    const record = (found: string) => this.#history.recordForeign(what, found);
    const recordThing = (thing: unknown) => record(thing === undefined ? "nothing" : "shown");
    const recordOutcome = (answer: Answer) =>
      record("refused" in answer ? answer.refused : answer.outcome.ok ? "done" : answer.outcome.code);
    const settled = null;
    switch (kind) {
      case "account":
        return question(what, (gateway) => gateway.account(OTHER, id), recordThing);
      case "transfer":
        return question(what, (gateway) => gateway.transfer(OTHER, transfer), recordThing);
      case "post": {
        const command = { ...asked, op: "post_transfer", amount: null, final: false, settled } as const;
        return question(what, (gateway) => gateway.submit(command), recordOutcome);
      }
      case "void": {
        const command = { ...asked, op: "void_transfer", settled } as const;
        return question(what, (gateway) => gateway.submit(command), recordOutcome);
      }
      case "revert":
        return question(what, (gateway) => gateway.revert(asked), recordOutcome);
      case "debit": {
        const [own = ""] = workload.idsOf(OTHER);
        const command = transferOf(OTHER, { debit: id, credit: own, amount: 1 }, null);
        return question(what, (gateway) => gateway.submit(command), recordOutcome);
      }
    }
  }
}

function accountsOf(command: Command): readonly string[] {
  if (command.op === "transfer") return [command.debit, command.credit];
  if (command.op === "compound_transfer")
    return command.postings.flatMap(({ debit, credit }) => [debit, credit]);
  return [];
}
