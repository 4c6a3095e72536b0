/** Commands of all kinds over several shards in memory that crash and fail at random, and their state at rest. */

import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Command, Outcome } from "../../../src/actors/records/command.ts";
import { commandOf, type Step } from "../../actors/ledger/histories.ts";
import { recordsOf } from "../shard/memory-shards.ts";
import { logProblems, messageProblems, type ShardLogs, stateProblems } from "../shard/shard-logs.ts";
import { randomOf } from "./cross-shard-history.ts";
import { type Decided, type FaultyOptions, FaultyShards } from "./faulty-shards.ts";

/** One of six failpoints, whichever is passed first. */
const ARMED = { from: 0, to: 10, points: 6 };
const BEGINNING_MS = 1_700_000_000_000;
export const PARTNERS: readonly string[] = ["p", "q"];

export type CompoundHistory = Readonly<{
  /** The problems found. */
  problems: readonly string[];
  exits: readonly string[];
  logs: ShardLogs;
}>;

export type RunOptions = Pick<FaultyOptions, "stores" | "restore" | "onDisturb">;

export class CompoundRun {
  readonly faulty: FaultyShards;
  readonly random: (below: number) => number;
  readonly problems: string[] = [];
  nowMs = BEGINNING_MS;
  readonly #made = { all: [] as string[], pending: [] as string[] };
  readonly #answers = new Map<string, Readonly<{ command: Command; outcome: Outcome }>>();

  constructor(seed: number, shards: number, options: RunOptions = {}) {
    this.random = randomOf(seed);
    const now = () => this.nowMs;
    this.faulty = new FaultyShards({ random: this.random, shards, armed: ARMED, now, ...options });
  }

  get logs(): ShardLogs {
    return this.faulty.stores.map(recordsOf);
  }

  /** Retries a step until there is a reply, while faults are injected. */
  async ask(key: string, step: Step): Promise<Decided & Readonly<{ command: Command }>> {
    const command = keyed(commandOf(step, this.#made), key);
    this.faulty.disturb();
    const answer = await this.faulty.submitUntilAnswered(command);
    const { outcome } = answer;
    this.#answers.set(key, { command, outcome });
    if (outcome.ok && "id" in outcome && !this.#made.all.includes(outcome.id)) {
      this.#made.all.push(outcome.id);
      const isPending = "transfer" in outcome && outcome.transfer.status === "pending";
      if (isPending) this.#made.pending.push(outcome.id);
    }
    return { ...answer, command };
  }

  /** At rest: retries get the same replies as before, and no reservation is left. */
  async rest(): Promise<void> {
    const { faulty, problems } = this;
    for (const [key, { command, outcome }] of this.#answers) {
      const again = await faulty.submitUntilAnswered(command);
      if (toldOf(again.outcome) !== toldOf(outcome)) problems.push(`I11: ${key} is answered otherwise`);
    }
    for (const partner of PARTNERS) await faulty.atRest(partner);
    // Reservations of an expired transfer are released by messages without a reply to wait for.
    await faulty.until("all messages have come", async () => messageProblems(this.logs).length === 0);
    await faulty.quiet();
    problems.push(...(await faulty.again(() => this.#stateProblems())));
    await this.#findPins();
    await faulty.quiet();
  }

  /** After the end of all shards. */
  result(): CompoundHistory {
    const { problems, logs } = this;
    return { problems: [...problems, ...logProblems(logs)], exits: this.faulty.exits, logs };
  }

  async #stateProblems(): Promise<readonly string[]> {
    const { gateway, cluster } = this.faulty;
    const views = await Promise.all(
      PARTNERS.map(
        async (partner) =>
          [partner, (await gateway.accounts(partner, this.#idsOf(partner))).accounts] as const,
      ),
    );
    const figures = this.faulty.stores.map((_, shard) => cluster.shard(shard).host.stats());
    const found = [...stateProblems(this.logs, figures, new Map(views))];
    for (const partner of PARTNERS) {
      const { assets } = await gateway.trialBalance(partner);
      for (const [asset, { sum }] of Object.entries(assets))
        if (sum !== 0n) found.push(`I1: ${sum} ${asset} too much`);
    }
    return found;
  }

  /** A ceiling at the present balance cannot be set while room is reserved. */
  async #findPins(): Promise<void> {
    for (const partner of PARTNERS) {
      const ids = this.#idsOf(partner);
      const { accounts } = await this.faulty.again(() => this.faulty.gateway.accounts(partner, ids));
      for (const { id, status, posted: ceiling } of accounts) {
        if (status === "closed") continue;
        const asked = {
          op: "update_account",
          partner,
          key: `ceiling ${partner} ${id}`,
          fingerprint: 1,
        } as const;
        const { outcome } = await this.faulty.submitUntilAnswered({ ...asked, id, ceiling });
        if (!outcome.ok) this.problems.push(`the ceiling of ${id}: ${outcome.code}`);
      }
    }
  }

  #idsOf(partner: string): string[] {
    return this.logs
      .flat()
      .map(({ record }) => record)
      .filter(
        ({ command, outcome }) =>
          command.op === "create_account" && command.partner === partner && outcome.ok,
      )
      .map(({ command }) => ("id" in command ? command.id : ""));
  }
}

/** The command with a key, which determines its shard if nothing else does. */
function keyed<C extends Command>(command: C, key: string): C {
  const named = { ...command, key, fingerprint: 1 };
  switch (named.op) {
    case "transfer":
      return { ...named, vnode: homeVnodeOf(named.partner, named.debit, named.credit, key) };
    case "compound_transfer": {
      const [first = { debit: "", credit: "" }] = named.postings;
      return { ...named, vnode: homeVnodeOf(named.partner, first.debit, first.credit, key) };
    }
    default:
      return named;
  }
}

/** The parts of a reply that a retry must repeat; slices of system accounts are not visible to callers. */
function toldOf(outcome: Outcome): string {
  if (!outcome.ok || !("moves" in outcome)) return JSON.stringify(outcome);
  const moves = outcome.moves.filter(({ account }) => !account.startsWith("@"));
  return JSON.stringify({ ...outcome, moves });
}
