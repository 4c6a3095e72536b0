/**
 * One soak, from an empty log to a verdict: clients work while faults are injected, with an audit at rest every few
 * minutes and a full audit at the end.
 */
import { join } from "node:path";
import type { Address } from "../stress/connection.ts";
import type { PrivateRedis } from "../stress/trial.ts";
import { Diary, DiaryReader } from "../support/diary.ts";
import { Random } from "../support/random.ts";
import { PARTNER } from "./accounts.ts";
import { Audit } from "./audit.ts";
import { Books } from "./books.ts";
import { Caller } from "./caller.ts";
import { ClientProcesses } from "./client-processes.ts";
import { ClusterStore } from "./cluster-store.ts";
import type { Entry } from "./entry.ts";
import { type Harm, harmsOf, Nemesis } from "./fault-injector.ts";
import { logFaults } from "./log-audit.ts";
import { type LogStore, RedisStore, SqliteStore } from "./log-store.ts";
import type { Options } from "./options.ts";
import { PatientClient } from "./patient-client.ts";
import { SoakedServer } from "./soaked-server.ts";
import { growthFaults, type Sample, Watch } from "./watch.ts";

const FIGURES_MS = 30_000;
const CALLERS = 16;
/** Keys to retry in an intermediate audit, and in the last one. */
const KEYS = { meanwhile: 2_000, last: 50_000 } as const;
const PAUSE_MS = { min: 5_000, max: 20_000 } as const;

export type SoakOptions = Options &
  Readonly<{
    /** The folder of all its files. */
    folder: string;
    startRedis: () => Promise<PrivateRedis>;
    /** By default all faults that apply, every 5 to 20 s. */
    harms?: readonly Harm[];
    pauseMs?: Readonly<{ min: number; max: number }>;
    /** Called with progress, line by line. */
    say: (line: string) => void;
  }>;

export type Verdict = Readonly<{ figures: Readonly<Record<string, unknown>>; violations: readonly string[] }>;

type Setting = Readonly<{
  server: SoakedServer;
  store: LogStore;
  watch: Watch;
  nemesis: Nemesis;
  clients: ClientProcesses;
  audit: Audit;
  books: Books;
}>;

export async function runSoak(options: SoakOptions): Promise<Verdict> {
  return new SoakRun(options).run();
}

class SoakRun {
  readonly #options: SoakOptions;
  readonly #startedMs = performance.now();
  readonly #violations: string[] = [];
  readonly #closing: (() => void | Promise<unknown>)[] = [];
  #audits = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async run(): Promise<Verdict> {
    let figures: Verdict["figures"] = {};
    try {
      const setting = await this.#start();
      try {
        await this.#soak(setting);
      } catch (error) {
        this.#report([`It could not go on: ${error instanceof Error ? error.message : String(error)}`]);
      }
      figures = this.#figures(setting);
    } finally {
      for (const close of this.#closing.toReversed()) await close();
    }
    return { figures, violations: this.#violations };
  }

  async #start(): Promise<Setting> {
    const { folder, seed, clients: processes, rate, canary } = this.#options;
    const store = openStore(this.#options);
    this.#closing.push(() => store.stop());
    await store.start();
    const server = await SoakedServer.make({ ...this.#options, walUrl: store.url });
    this.#closing.push(() => server.terminate());
    await server.start();
    const address = server.address(await server.makePartner(PARTNER));
    const clients = new ClientProcesses({ address, processes, rate, seed, folder });
    this.#closing.push(() => clients.leave());
    await clients.rest();
    const books = new Books(join(folder, "books.sqlite"), canary);
    const watch = new Watch(server, store);
    watch.start();
    this.#closing.push(() => watch.stop());
    this.#closing.push(() => books.close());
    const parts = { server, store, watch, clients, books };
    return { ...parts, audit: this.#auditOf(parts, server.url, address), nemesis: this.#nemesisOf(parts) };
  }

  #auditOf({ clients, books }: Pick<Setting, "clients" | "books">, url: string, address: Address): Audit {
    const { folder } = this.#options;
    const diaryFile = join(folder, "checker.ndjson");
    return new Audit({
      api: new PatientClient(url, address.token, CALLERS),
      callers: Array.from({ length: CALLERS }, () => new Caller(address)),
      books,
      diary: new Diary<Entry>(diaryFile),
      diaries: [...clients.diaryFiles, diaryFile].map((file) => new DiaryReader<Entry>(file)),
    });
  }

  #nemesisOf(parts: Pick<Setting, "server" | "store" | "watch">): Nemesis {
    const { seed, harms = harmsOf(this.#options), pauseMs = PAUSE_MS } = this.#options;
    const say = (text: string) => this.#say(text);
    return new Nemesis({ ...parts, random: new Random(seed), harms, pauseMs, say });
  }

  async #soak(setting: Setting): Promise<void> {
    const { minutes, auditMinutes } = this.#options;
    const { clients, nemesis, watch } = setting;
    const endMs = performance.now() + minutes * 60_000;
    const figures = setInterval(() => this.#sayFigures(setting), FIGURES_MS);
    try {
      for (let isLast = false; !isLast; ) {
        const untilMs = Math.min(endMs, performance.now() + auditMinutes * 60_000);
        isLast = untilMs === endMs;
        clients.go();
        await nemesis.rage(untilMs);
        await clients.rest();
        await this.#audit(setting, isLast);
      }
    } finally {
      clearInterval(figures);
    }
    this.#report(growthFaults(watch.samples));
  }

  async #audit({ audit, books, server, store, nemesis }: Setting, isLast: boolean): Promise<void> {
    const startedMs = performance.now();
    const faults = [...(await audit.run(isLast ? KEYS.last : KEYS.meanwhile, isLast))];
    const { folder } = this.#options;
    const { dataDir } = server;
    faults.push(...(await logFaults({ folder, walUrl: store.url, dataDir }, await audit.accounts())));
    this.#report([...nemesis.faults.splice(0), ...faults]);
    this.#audits += 1;
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    this.#say(
      `audit: ${books.accepted} accepted, ${books.refused} refused, ${books.settled} settled; ` +
        `${faults.length === 0 ? "all is right" : `${faults.length} violations`} (${seconds} s)`,
    );
  }

  /** Removes duplicates: a fault of one audit appears in the next ones, too. */
  #report(faults: readonly string[]): void {
    const news = faults.filter((fault) => !this.#violations.includes(fault));
    for (const fault of news) this.#say(`VIOLATION ${fault}`);
    this.#violations.push(...news);
  }

  #sayFigures({ clients, watch }: Setting): void {
    const { requests, accepted, refused, unknown } = clients.counts;
    const last = watch.samples.at(-1);
    if (last === undefined) return;
    this.#say(
      `${requests} requests, ${accepted} accepted, ${refused} refused, ${unknown} unknown at first; ` +
        `${watch.snapshots} snapshots; log ${last.entries} entries, store ${megabytes(last.bytes)} MB ` +
        `(snapshots ${megabytes(last.snapshotBytes)} MB), server ${megabytes(last.residentBytes)} MB`,
    );
  }

  #say(text: string): void {
    this.#options.say(
      `${String(Math.round((performance.now() - this.#startedMs) / 1_000)).padStart(5)} s  ${text}`,
    );
  }

  #figures({ server, clients, books, nemesis, watch, audit }: Setting): Verdict["figures"] {
    const { seed, shards, isolation, log } = this.#options;
    const { requests, reads, unknown } = clients.counts;
    const { samples } = watch;
    const mostOf = (of: (sample: Sample) => number) => Math.max(0, ...samples.map(of));
    return {
      seed,
      shards,
      isolation,
      log,
      minutes: Math.round((performance.now() - this.#startedMs) / 600) / 100,
      requests,
      reads,
      accepted: books.accepted,
      refused: books.refused,
      unknown,
      settled: books.settled,
      asked_again: audit.askedAgain,
      audits: this.#audits,
      harms: Object.fromEntries(nemesis.counts),
      amid_snapshots: nemesis.amidSnapshots,
      ready_s_max: nemesis.readyMsMax / 1_000,
      revived_by_hand: server.revived,
      starts_from_snapshots: nemesis.startsFromSnapshots,
      replayed_max: nemesis.replayedMax,
      snapshots: watch.snapshots,
      store_mb_max: megabytes(mostOf(({ bytes }) => bytes)),
      store_mb_last: megabytes(samples.at(-1)?.bytes ?? 0),
      snapshots_mb_last: megabytes(samples.at(-1)?.snapshotBytes ?? 0),
      log_entries_max: mostOf(({ entries }) => entries),
      log_entries_last: samples.at(-1)?.entries ?? 0,
      server_mb_max: megabytes(mostOf(({ residentBytes }) => residentBytes)),
      violations: this.#violations.length,
    };
  }
}

function openStore({ log, folder, shards, seed, startRedis }: SoakOptions): LogStore {
  switch (log) {
    case "redis":
      return new RedisStore(startRedis, shards);
    case "sqlite":
      return new SqliteStore(join(folder, "wal"));
    case "cluster":
      return new ClusterStore(shards, new Random(seed));
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
