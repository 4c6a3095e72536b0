/** Shards in memory that crash at every step and whose appends fail, by chance; each is started anew until the end. */
import type { Command } from "../../../src/actors/records/command.ts";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import { type AppendFault, MemoryStore } from "../../../src/wal/memory.ts";
import { type Failpoint, POINTS } from "../../../src/workers/shard/failpoint.ts";
import { type ClusterOptions, MemoryCluster } from "../shard/memory-shards.ts";

/** Injected faults end a shard some ten times; one that cannot start at all is a bug. */
const LIVES_MAX = 200;
const PATIENCE_MS = 20_000;
const FAULTS: readonly AppendFault["kind"][] = ["drop_answer", "fail_before", "refuse", "duplicate"];

type Answer = Awaited<ReturnType<Gateway["submit"]>>;
export type Decided = Extract<Answer, { outcome: unknown }>;

export type FaultyOptions = Readonly<{
  random: (below: number) => number;
  shards: number;
  /** The lives of a shard in which it may crash, by their number, and at how many places at once. */
  armed: Readonly<{ from: number; to: number; points: number }>;
  now?: () => number;
  /** Logs of another kind than the usual. */
  stores?: readonly MemoryStore[];
  restore?: NonNullable<ClusterOptions["restore"]>;
  /** Whenever something may go wrong, something else may happen. */
  onDisturb?: () => void;
}>;

export class FaultyShards {
  readonly stores: readonly MemoryStore[];
  readonly cluster: MemoryCluster;
  /** Why shards have ended. */
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
    await this.unless(Promise.all(this.cluster.links.map((link) => link.welcomed)));
  }

  /** Whatever waits for a shard that cannot start must not wait for ever. */
  unless<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lives.then((): never => never())]);
  }

  /** By chance, something goes wrong with an append, or a shard is restarted as an operator would. */
  disturb(): void {
    const { random, onDisturb } = this.#options;
    onDisturb?.();
    const dice = random(40);
    const shard = random(this.stores.length);
    if (dice < 2) this.stores[shard]?.inject({ kind: FAULTS[random(FAULTS.length)] } as AppendFault);
    else if (dice === 2) this.cluster.running(shard)?.host.control({ type: "stop" });
  }

  /** Asks again with the same key until there is an answer. */
  async insist(command: Command): Promise<Decided> {
    const { gateway } = this;
    const answer = await this.again<Answer>(() =>
      command.op === "revert_transfer" ? gateway.revert(command) : gateway.submit(command),
    );
    if (!("outcome" in answer)) throw new Error(`refused: ${answer.refused}`);
    return answer;
  }

  /** Until the shards can answer. */
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

  /** Until it is so. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (!(await this.again(isSo))) {
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${what}`);
      await turn();
    }
  }

  /** Nothing of this partner is under way between the shards any more. */
  async atRest(partner: string): Promise<void> {
    await this.until("no money in transit", async () => {
      const { assets } = await this.gateway.trialBalance(partner);
      return Object.values(assets).every(({ inTransit }) => inTransit === 0n);
    });
  }

  /** All that was begun is in the log, and no shard writes. */
  async quiet(): Promise<void> {
    await this.until("all shards are idle", async () => {
      await this.gateway.confirm();
      await turn();
      return this.stores.every((_, shard) => {
        const figures = this.cluster.running(shard)?.host.figures();
        return figures !== undefined && figures.position === figures.durablePosition;
      });
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    for (const shard of this.stores.keys()) this.cluster.running(shard)?.host.control({ type: "stop" });
    await this.#lives;
  }

  /** Starts a shard whenever it has ended, each time with something else that will go wrong. */
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
    const point = POINTS[random(POINTS.length)] as Failpoint["point"];
    const at = 1 + random(12);
    // Nothing expires often.
    return { shard, point, at: point === "before_expire" ? 1 : at };
  }
}

function never(): never {
  throw new Error("the shards have ended before the history did");
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
