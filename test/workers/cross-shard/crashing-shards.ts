/** Three shards in memory that crash at chosen points and restart, and callers that retry until they have a reply. */
import type { Outcome, Recorded } from "../../../src/actors/records/command.ts";
import type { SentPortion } from "../../../src/actors/records/compound-command.ts";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import type { Failpoint } from "../../../src/workers/shard/failpoint.ts";
import type { Random } from "../../support/random.ts";
import { type ClusterOptions, MemoryCluster, recordsOf } from "../shard/memory-shards.ts";

const SHARDS = 3;
/** A shard that crashes without an injected fault is a bug. */
const LIVES_MAX = 20;
const PATIENCE_MS = 15_000;

/** A command with a key, and all its replies. */
export type Asked = { readonly key: string; readonly outcomes: Outcome[] };

export type Figures = Readonly<{ accounts: number; keys: number; pending: number; reservations: number }>;

type Submit = (gateway: Gateway) => Promise<Awaited<ReturnType<Gateway["submit"]>>>;

export class CrashingShards {
  readonly stores = Array.from({ length: SHARDS }, (_, shard) => new MemoryStore(`s${shard}`));
  readonly asked: Asked[] = [];
  /** Failpoints at which a shard has crashed. */
  readonly deaths: string[] = [];
  readonly #random: Random;
  readonly #cluster: MemoryCluster;
  readonly #watching: Promise<void>[] = [];
  /** Logged time always advances, so that later records can be distinguished from earlier ones. */
  #nowMs = Date.UTC(2026, 0, 1);
  #isOver = false;

  private constructor(random: Random, options: ClusterOptions) {
    this.#random = random;
    this.#cluster = new MemoryCluster(this.stores, { now: () => this.#nowMs++, ...options });
  }

  static async start(random: Random, options: ClusterOptions = {}): Promise<CrashingShards> {
    const shards = new CrashingShards(random, options);
    await Promise.all(shards.stores.map((_, shard) => shards.#cluster.launch(shard)));
    return shards;
  }

  get gateway(): Gateway {
    return this.#cluster.gateway;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** From here on these shards crash at their failpoints and are restarted. */
  async arm(failpoints: readonly Failpoint[]): Promise<void> {
    const shards = new Set(failpoints.map(({ shard }) => shard));
    await Promise.all(
      [...shards].map(async (shard) => {
        await this.#cluster.stop(shard);
        const armed = failpoints.filter((each) => each.shard === shard);
        const first = this.#cluster.launch(shard, armed);
        this.#watching.push(this.#keepAlive(shard, first));
        await first;
      }),
    );
  }

  /** Retries until there is a reply, and records it. */
  async submitUntilAnswered(key: string, submit: Submit): Promise<Outcome> {
    const outcome = await this.#answerOf(submit);
    const before = this.asked.find((each) => each.key === key);
    if (before === undefined) this.asked.push({ key, outcomes: [outcome] });
    else before.outcomes.push(outcome);
    return outcome;
  }

  /** Resolves when no reservation is left, and every message is delivered and forgotten. */
  async settle(): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    while (!this.#isSettled()) {
      if (performance.now() > endMs) throw new Error(`it does not settle: ${JSON.stringify(this.deaths)}`);
      // Shards forget delivered messages ten times a second.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The shards' own statistics. */
  figures(): readonly Figures[] {
    return this.stores.map((_, shard) => {
      const { accounts, keys, pending, reservations } = this.#cluster.shard(shard).host.stats();
      return { accounts, keys, pending, reservations };
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.stores.map((_, shard) => this.#cluster.stop(shard)));
    await Promise.all(this.#watching);
  }

  /** Retries while the refusal is temporary. */
  async #answerOf(submit: Submit): Promise<Outcome> {
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const answer = await submit(this.gateway);
        if (!("outcome" in answer)) throw new Error(`refused: ${answer.refused}`);
        return answer.outcome;
      } catch (error) {
        if (!(error instanceof OperatingError) || performance.now() > endMs) throw error;
      }
      await turn();
    }
  }

  async #keepAlive(shard: number, first: ReturnType<MemoryCluster["launch"]>): Promise<void> {
    let launched = first;
    for (let life = 0; life < LIVES_MAX; life++) {
      const message = await launched.then(
        async ({ exited }) => (await exited).message,
        (error: Error) => error.message,
      );
      if (this.#isOver) return;
      this.deaths.push(message.split("\n", 1)[0] as string);
      // The others continue without it for a while.
      for (let turns = this.#random.below(20); turns > 0; turns--) await turn();
      launched = this.#cluster.launch(shard);
    }
    throw new Error(`shard ${shard} does not stay alive: ${this.deaths.at(-1)}`);
  }

  /** For each pair of shards, the numbers of messages sent, received and forgotten are equal. */
  #isForgotten(): boolean {
    const sent = new Map<string, number>();
    const forgotten = new Map<string, number>();
    for (const [shard, store] of this.stores.entries()) {
      for (const { record } of recordsOf(store, shard)) {
        const { outcome } = record;
        const messages = outcome.ok && "to" in outcome ? [outcome] : messagesOf(outcome);
        for (const { to, no } of messages) sent.set(`${shard}-${to}`, no);
        if (record.command.op === "delivered")
          forgotten.set(`${shard}-${record.command.to}`, record.command.upTo);
      }
    }
    return [...sent].every(([pair, no]) => forgotten.get(pair) === no);
  }

  #isSettled(): boolean {
    if (this.stores.some((_, shard) => this.#cluster.running(shard) === undefined)) return false;
    return this.figures().every(({ reservations }) => reservations === 0) && this.#isForgotten();
  }
}

/** The messages to other shards of a compound transfer's record. */
export function messagesOf(outcome: Recorded): readonly SentPortion[] {
  return outcome.ok && "sent" in outcome ? outcome.sent : [];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
