/**
 * One isolation mode with one number of shards, from an empty log to a verdict:
 *
 *     start → accounts, money → load → kill a shard → it is back → the measured part → the last answer → the books
 *
 * The kill comes first so that both modes have it at the same point: a thread cannot be killed from outside, it
 * crashes at its n-th command.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createDaybook } from "../../clients/typescript/src/index.ts";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { inParallel } from "../support/client.ts";
import { discrepanciesOf } from "./discrepancies.ts";
import { type Evidence, gatherEvidence } from "./evidence.ts";
import { Lane } from "./lane.ts";
import { LoadProcesses } from "./load-processes.ts";
import { MachineMeter, type MachineUse } from "./machine-use.ts";
import { nowMs, type Operation } from "./operation.ts";
import { type Outage, untilDown, untilUp } from "./outage.ts";
import { PARTNER, PRESETS, type Preset, type PresetName, shardOfAccount } from "./preset.ts";
import {
  type Bystanders,
  bystandersOf,
  type Counts,
  countsOf,
  type Speed,
  speedOf,
  type Window,
} from "./stats.ts";
import { Subject } from "./subject.ts";

export type TrialOptions = Readonly<{
  isolation: Isolation;
  shards: number;
  preset: PresetName;
  seconds: number;
  seed: number;
  loadProcesses: number;
  /** The folder of its log and data; removed at the end. */
  folder: string;
  startRedis: (folder: string) => Promise<PrivateRedis>;
  /** How often the server is started to measure the time of a start. */
  starts: number;
  /** Called with progress. */
  onPhase: (phase: Phase, answered: () => number) => void;
}>;

export type PrivateRedis = Readonly<{ url: string; pid: number; stop(): Promise<void> }>;

export type Phase = "start" | "load" | "kill" | "warm-up" | "measure" | "settle" | "verify";

export type Trial = Readonly<{
  isolation: Isolation;
  shards: number;
  startMs: number;
  recoveryMs: number;
  /** Commands that the killed shard had to replay. */
  replayed: number;
  speed: Speed;
  use: MachineUse;
  counts: Counts;
  bystanders: Bystanders;
  discrepancies: readonly string[];
  evidence: Evidence;
}>;

/** Connections of each load process; one half avoids the shard that is killed. */
const LANES = 32;
const KILL_MS_MAX = 120_000;
const WARM_UP_SHARE = 0.3;
/** Time beyond the load: the kill, the last answers, and reading the books, per second of load. */
const JUDGED_MS_MAX = KILL_MS_MAX + 120_000;
const SECONDS_PER_SECOND = 5;
const KEYS_ASKED_AGAIN = 100;
const STATEMENTS = 12;

/** @throws Error if the trial could not be completed, so that there is no verdict. */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  mkdirSync(options.folder, { recursive: true });
  const redis = await options.startRedis(join(options.folder, "redis"));
  try {
    return await new TrialRun(options, redis).run();
  } finally {
    await redis.stop();
    rmSync(options.folder, { recursive: true, force: true });
  }
}

type Setting = Readonly<{ subject: Subject; token: string; load: LoadProcesses; meter: MachineMeter }>;

class TrialRun {
  readonly #options: TrialOptions;
  readonly #redis: PrivateRedis;
  readonly #preset: Preset;
  readonly #victim: number;
  readonly #startsMs: number[] = [];

  constructor(options: TrialOptions, redis: PrivateRedis) {
    this.#options = options;
    this.#redis = redis;
    this.#preset = PRESETS[options.preset];
    this.#victim = this.#shardOf(this.#preset.victimAccount);
  }

  async run(): Promise<Trial> {
    this.#say("start", () => 0);
    const subject = await this.#start();
    let load: LoadProcesses | undefined;
    const meter = new MachineMeter(subject.pid, this.#redis.pid);
    try {
      const token = await this.#open(subject);
      load = await LoadProcesses.start(this.#loadOptions(subject, token));
      return await this.#inTime(this.#judge({ subject, token, load, meter }));
    } catch (error) {
      throw new Error(
        `${this.#name}: ${String(error)}. The server's last words: ${subject.lastWords || "none"}`,
        {
          cause: error,
        },
      );
    } finally {
      meter.close();
      load?.leave();
      await subject.stop();
    }
  }

  /** A hung server must not hang the trial. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const ms = this.#options.seconds * SECONDS_PER_SECOND * 1000 + JUDGED_MS_MAX;
    const timer = globalThis.setTimeout(() => reject(new Error(`no end after ${ms / 1000} s`)), ms);
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  get #name(): string {
    return `${this.#options.isolation}, ${this.#options.shards} shards`;
  }

  readonly #shardOf = (account: string): number => shardOfAccount(account, this.#options.shards);

  #say(phase: Phase, answered: () => number): void {
    this.#options.onPhase(phase, answered);
  }

  /** Several starts, each with its own log: a takeover would have to wait for a lease. */
  async #start(): Promise<Subject> {
    const { isolation, shards, folder, starts, startRedis } = this.#options;
    const common = { isolation, shards, tmpDir: folder };
    for (let no = 1; no < starts; no++) {
      const tried = join(folder, `start-${no}`);
      const redis = await startRedis(tried);
      const dataDir = join(tried, "data");
      const subject = await Subject.start({ ...common, dataDir, walUrl: redis.url, failpoints: "" });
      this.#startsMs.push(subject.startMs);
      await subject.stop();
      await redis.stop();
    }
    const subject = await Subject.start({
      ...common,
      dataDir: join(folder, "data"),
      walUrl: this.#redis.url,
      failpoints: isolation === "threads" ? this.#crash() : "",
    });
    this.#startsMs.push(subject.startMs);
    return subject;
  }

  /** The number of commands after which the shard's thread crashes: the same as for the kill of a process. */
  #crash(): string {
    const { accounts, funding, commandsBeforeKill } = this.#preset;
    const setUp = [...accounts, ...funding.map(({ credit }) => credit)];
    const setUpThere = setUp.filter((account) => this.#shardOf(account) === this.#victim).length;
    return `${this.#victim}:before_decide@${setUpThere + commandsBeforeKill(this.#options.seconds)}`;
  }

  async #open(subject: Subject): Promise<string> {
    const token = await subject.makePartner(PARTNER);
    const { accounts, asset } = this.#preset;
    const client = createDaybook({ url: subject.url, key: token });
    await inParallel(accounts, (id) => client.post("/v1/accounts", { body: { id, asset } }));
    return token;
  }

  #loadOptions(subject: Subject, token: string) {
    const { preset, loadProcesses, seed, shards, folder } = this.#options;
    return {
      preset,
      address: subject.address(token),
      processes: loadProcesses,
      lanes: LANES,
      seed,
      shards,
      victim: this.#victim,
      folder,
    };
  }

  async #judge(setting: Setting): Promise<Trial> {
    const { subject, token, load, meter } = setting;
    const { outage, window } = await this.#drive(setting);
    const operations = await load.operations();
    this.#say("verify", () => operations.length);
    await this.#askAgain(subject, token, operations);
    const { asset, accounts, finals } = this.#preset;
    const evidence = await gatherEvidence({
      url: subject.url,
      key: token,
      asset,
      operations,
      accounts,
      sample: everyNth(accounts, STATEMENTS),
      finals,
    });
    const bystanders = bystandersOf(operations, outage, (account) => this.#shardOf(account) === this.#victim);
    const shards = await subject.shards();
    const speed = speedOf(operations, window);
    return {
      isolation: this.#options.isolation,
      shards: this.#options.shards,
      startMs: medianOf(this.#startsMs),
      recoveryMs: outage.upMs - outage.downMs,
      replayed: shards[this.#victim]?.recovery.replayed ?? 0,
      speed,
      use: meter.use(speed.transfers),
      counts: countsOf(operations, this.#shardOf),
      bystanders,
      discrepancies: [
        ...discrepanciesOf(evidence),
        ...this.#outageDiscrepancies(bystanders),
        ...shards.flatMap(({ shard, restarts }) => this.#restartDiscrepancy(shard, restarts)),
      ],
      evidence,
    };
  }

  async #drive({ subject, load, meter }: Setting): Promise<{ outage: Outage; window: Window }> {
    meter.idle();
    const fromMs = nowMs();
    meter.begin();
    load.tell({ type: "load" });
    const ended = load.ended();
    ended.catch(() => undefined);
    this.#say("load", () => load.answered);
    const downMs = await this.#kill(subject, load);
    this.#say("kill", () => load.answered);
    const outage = { downMs, upMs: await untilUp(subject) };
    load.tell({ type: "spread" });
    if (!this.#preset.endless) {
      await ended;
      meter.end();
      return { outage, window: { fromMs, toMs: nowMs() } };
    }
    const window = await this.#measure(load, meter);
    load.tell({ type: "end" });
    this.#say("settle", () => load.answered);
    await ended;
    return { outage, window };
  }

  async #measure(load: LoadProcesses, meter: MachineMeter): Promise<Window> {
    const { seconds } = this.#options;
    this.#say("warm-up", () => load.answered);
    await setTimeout(seconds * WARM_UP_SHARE * 1000);
    this.#say("measure", () => load.answered);
    meter.begin();
    const fromMs = nowMs();
    await setTimeout(seconds * 1000);
    const toMs = nowMs();
    meter.end();
    return { fromMs, toMs };
  }

  /** @returns when the shard went down */
  async #kill(subject: Subject, load: LoadProcesses): Promise<number> {
    const endMs = performance.now() + KILL_MS_MAX;
    const isTooLate = () => performance.now() > endMs || load.isOver;
    if (this.#options.isolation === "threads") return untilDown(subject, isTooLate);
    const commands = this.#preset.commandsBeforeKill(this.#options.seconds);
    const { pid } = (await subject.shards())[this.#victim] ?? {};
    if (pid === undefined) throw new Error("the server does not name the process of its shard");
    while (load.atVictim < commands) {
      if (isTooLate()) throw new Error(`the shard had ${load.atVictim} of ${commands} commands`);
      await setTimeout(5);
    }
    const downMs = nowMs();
    process.kill(pid, "SIGKILL");
    await untilDown(subject, isTooLate);
    return downMs;
  }

  /** Retries a sample of keys: each must return its first outcome. */
  async #askAgain(subject: Subject, token: string, operations: readonly Operation[]): Promise<void> {
    const lane = new Lane(subject.address(token));
    const singles = operations.filter(({ inBatch }) => !inBatch);
    for (const operation of everyNth(singles, KEYS_ASKED_AGAIN)) await lane.perform([operation], "never");
    lane.close();
  }

  #outageDiscrepancies({ served, lost, losses }: Bystanders): string[] {
    if (lost > 0) {
      return [`${lost} requests were lost by the other shards while one was down, such as ${losses[0]}.`];
    }
    if (this.#preset.endless && this.#options.shards > 1 && served === 0)
      return ["The other shards answered nothing while one was down."];
    return [];
  }

  #restartDiscrepancy(shard: number, restarts: number): string[] {
    const wanted = shard === this.#victim ? 1 : 0;
    return restarts === wanted
      ? []
      : [`Shard ${shard} was started again ${restarts} times instead of ${wanted}.`];
  }
}

function everyNth<T>(items: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, Math.floor(items.length / count));
  return items.filter((_, no) => no % step === 0).slice(0, count);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
