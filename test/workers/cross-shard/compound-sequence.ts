/**
 * A sequential history while shards crash: a small model of the ledger predicts each outcome. The clock stands still
 * while a command runs.
 */

import { BookModel } from "../../actors/ledger/book-model.ts";
import type { Step } from "../../actors/ledger/histories.ts";
import { type CompoundHistory, CompoundRun, PARTNERS, type RunOptions } from "./compound-history.ts";

export async function runSequence(
  steps: readonly Step[],
  seed: number,
  shards: number,
  options: RunOptions = {},
): Promise<CompoundHistory> {
  const run = new CompoundRun(seed, shards, options);
  await run.faulty.begin();
  const sequence = new Sequence(run);
  await run.faulty.unlessFailed(sequence.take(steps));
  await run.faulty.unlessFailed(run.rest());
  await run.faulty.end();
  return run.result();
}

class Sequence {
  readonly #run: CompoundRun;
  readonly #model = new BookModel();

  constructor(run: CompoundRun) {
    this.#run = run;
  }

  async take(steps: readonly Step[]): Promise<void> {
    const { faulty, problems } = this.#run;
    for (const [number, step] of steps.entries()) {
      if (step.afterMs > 0) await this.#wait(step.afterMs);
      await this.#execute(`k${number}`, step);
      for (const difference of await faulty.again(() => this.#differences()))
        problems.push(`after k${number}: ${difference}`);
      // The rest would only repeat the same problem.
      if (problems.length > 0) return;
      // Within one moment the order of a count and a change of its limit is not determined.
      if (step.command.op === "update_account" && step.command.limits !== undefined) await this.#wait(1);
    }
    await this.#compareSystemAccounts();
  }

  async #execute(key: string, step: Step): Promise<void> {
    const { command, outcome, timeMs } = await this.#run.ask(key, step);
    const id = outcome.ok && "id" in outcome ? outcome.id : "none";
    const expected = this.#model.execute(command, timeMs, id);
    const code = outcome.ok ? "ok" : outcome.code;
    if (code !== expected)
      this.#run.problems.push(`${key} ${JSON.stringify(command)}: ${code}, not ${expected}`);
  }

  /** Waits until everything that expired has expired on all shards. */
  async #wait(ms: number): Promise<void> {
    const { faulty } = this.#run;
    await faulty.quiet();
    this.#run.nowMs += ms;
    const over = this.#model.passTime(this.#run.nowMs);
    for (const [id, { partner }] of this.#model.transfers()) {
      if (!over.includes(id)) continue;
      const isExpired = async () => (await faulty.gateway.transfer(partner, id))?.status === "expired";
      await faulty.until(`${id} expires`, isExpired);
    }
    // On other shards this happens by messages without a reply to wait for.
    if (over.length > 0)
      await faulty.until("holds end", async () => (await this.#differences()).length === 0);
  }

  /** The differences between the model's accounts and the accounts as read. */
  async #differences(): Promise<readonly string[]> {
    const rows = [...this.#model.accounts.rows()];
    const found = await Promise.all(
      PARTNERS.map(async (partner) => {
        const own = rows.filter(([of]) => of === partner);
        const ids = own.map(([, id]) => id);
        const { accounts } = await this.#run.faulty.gateway.accounts(partner, ids);
        const known = new Map(accounts.map((view) => [view.id, textOf(view)]));
        return own
          .filter(([, id, row]) => known.get(id) !== textOf(row))
          .map(([, id, row]) => `${partner} ${id} is ${known.get(id)}, not ${textOf(row)}`);
      }),
    );
    return found.flat();
  }

  async #compareSystemAccounts(): Promise<void> {
    const { faulty, problems } = this.#run;
    await faulty.quiet();
    const sums = new Map<string, { posted: bigint; held: bigint }>();
    for (const [partner, name, asset, , { posted, held }] of this.#model.accounts.slices()) {
      const sum = sums.get(`${partner} ${name} ${asset}`) ?? { posted: 0n, held: 0n };
      sums.set(`${partner} ${name} ${asset}`, { posted: sum.posted + posted, held: sum.held + held });
    }
    for (const [key, sum] of sums) {
      const [partner = "", name = "", asset = ""] = key.split(" ");
      const found = await faulty.again(() => faulty.gateway.systemAccount(partner, name));
      const { posted = 0n, held = 0n } = found?.balances[asset] ?? {};
      if (posted !== sum.posted || held !== sum.held)
        problems.push(`${key} has ${posted} and holds ${held}, not ${sum.posted} and ${sum.held}`);
    }
  }
}

type Figures = Readonly<{ status: string; posted: bigint | number; held: bigint | number; seq: number }>;

function textOf({ status, posted, held, seq }: Figures): string {
  return `${status}, ${posted} posted, ${held} held, seq ${seq}`;
}
