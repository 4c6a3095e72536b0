/** Shards in memory that crash at random steps and whose appends fail at random; each is restarted until the end. */
import type { Command } from "../../../src/actors/records/command.ts";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import { type AppendFault, MemoryStore } from "../../../src/wal/memory.ts";
import { type Failpoint, SHARD_POINTS } from "../../../src/workers/shard/failpoint.ts";
import { type ClusterOptions, MemoryCluster } from "../shard/memory-shards.ts";

/** Injected faults end a shard about ten times; more means that it cannot start at all, which is a bug. */
const LIVES_MAX = 200;
const PATIENCE_MS = 20_000;
const FAULTS: readonly AppendFault["kind"][] = ["drop_answer", "fail_before", "refuse", "duplicate"];

type Answer = Awaited<ReturnType<Gateway["submit"]>>;
export type Decided = Extract<Answer, { outcome: unknown }>;

export type FaultyOptions = Readonly<{
  random: (below: number) => number;
  shards: number;
  /** The number of runs in which a shard may crash, and the number of failpoints armed in each. */
  armed: Readonly<{ from: number; to: number; points: number }>;
  now?: () => number;
  /** Another kind of log stores. */
  stores?: readonly MemoryStore[];
  restore?: NonNullable<ClusterOptions["restore"]>;
  /** Called at each opportunity for a fault, for other random events. */
  onDisturb?: () => void;
}>;

export class FaultyShards {
  readonly stores: readonly MemoryStore[];
  readonly cluster: MemoryCluster;
  /** The exit reasons of shards. */
  readonly exits: string[] = [];
  readonly #options: FaultyOptions;
  #lives: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(options: FaultyOptions) {
    this.#options = options;
    const { now, restore, shards } = options;
    this.stores = options.stores ?? Array.from({ length: shards }, (_, no) => new MemoryStore(`s${no}`));
    this.cluster = new MemoryCluster(this.stores, { ...(now && { now }), ...(restore && { restore }) });
  }

  get gateway(): Gateway {
    return this.cluster.gateway;
  }

  /** Resolves when all shards serve. */
  async begin(): Promise<void> {
    this.#lives = Promise.all(this.stores.map((_, shard) => this.#keepRunning(shard)));
    this.#lives.catch(() => {});
    await this.unlessFailed(Promise.all(this.cluster.links.map((link) => link.welcomed)));
  }

  /** Ends waits for a shard that cannot start. */
  unlessFailed<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lives.then((): never => never())]);
  }

  /** Randomly makes an append fail, or restarts a shard as an operator would. */
  disturb(): void {
    const { random, onDisturb } = this.#options;
    onDisturb?.();
    const dice = random(40);
    const shard = random(this.stores.length);
    if (dice < 2) this.stores[shard]?.inject({ kind: FAULTS[random(FAULTS.length)] } as AppendFault);
    else if (dice === 2) this.cluster.running(shard)?.host.control({ type: "stop" });
  }

  /** Retries with the same key until there is a definite reply. */
  async submitUntilAnswered(command: Command): Promise<Decided> {
    const { gateway } = this;
    const answer = await this.again<Answer>(() =>
      command.op === "revert_transfer" ? gateway.revert(command) : gateway.submit(command),
    );
    if (!("outcome" in answer)) throw new Error(`refused: ${answer.refused}`);
    return answer;
  }

  /** Waits until the shards can answer. */
  async again<T>(ask: () => Promise<T>): Promise<T> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof OperatingError) || performance.now() > untilMs) throw error;
      }
      await turn();
    }
  }

  /** Waits for the condition. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (!(await this.again(isSo))) {
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${what}`);
      await turn();
    }
  }

  /** No message of this partner is in transit between the shards. */
  async atRest(partner: string): Promise<void> {
    await this.until("no money in transit", async () => {
      const { assets } = await this.gateway.trialBalance(partner);
      return Object.values(assets).every(({ inTransit }) => inTransit === 0n);
    });
  }

  /** Every started command is in the log, and no shard appends. */
  async quiet(): Promise<void> {
    await this.until("all shards are idle", async () => {
      await this.gateway.confirm();
      await turn();
      return this.stores.every((_, shard) => {
        const figures = this.cluster.running(shard)?.host.stats();
        return figures !== undefined && figures.position === figures.durablePosition;
      });
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    for (const shard of this.stores.keys()) this.cluster.running(shard)?.host.control({ type: "stop" });
    await this.#lives;
  }

  /** Restarts a shard whenever it has ended, each time with other faults. */
  async #keepRunning(shard: number): Promise<void> {
    for (let life = 0; !this.#isOver; life++) {
      if (life > LIVES_MAX) throw new Error(`shard ${shard} does not stay alive: ${this.exits.at(-1)}`);
      const { from, to, points } = this.#options.armed;
      const armed = life < from || life > to ? 0 : points;
      const running = await this.cluster
        .launch(
          shard,
          Array.from({ length: armed }, () => this.#failpoint(shard)),
        )
        .catch((error: unknown) => this.exits.push(String(error)));
      if (typeof running === "number") await turn();
      else this.exits.push((await running.exited).message);
    }
  }

  #failpoint(shard: number): Failpoint {
    const { random } = this.#options;
    const point = SHARD_POINTS[random(SHARD_POINTS.length)] as Failpoint["point"];
    const at = 1 + random(12);
    // Often none.
    return { shard, point, at: point === "before_expire" ? 1 : at };
  }
}

function never(): never {
  throw new Error("the shards have ended before the history did");
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
