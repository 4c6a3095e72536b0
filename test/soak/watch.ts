/** Samples the sizes of the server and its log, and which snapshots there are. */
import { processTree, residentBytes } from "../bench/process-tree.ts";
import type { LogSize, LogStore } from "./log-store.ts";
import type { SoakedServer } from "./soaked-server.ts";

const LOOK_MS = 1_000;
const SIZE_EVERY = 5;
/** The warm-up, as a share of the time: caches are not full yet. */
const WARM_UP_SHARE = 0.2;
const GROWTH_MAX = 1.5;
/** Fewer samples than this say nothing about growth. */
const SAMPLES_MIN = 45;

export type Sample = LogSize & Readonly<{ residentBytes: number }>;

export class Watch {
  readonly #server: SoakedServer;
  readonly #store: LogStore;
  readonly samples: Sample[] = [];
  readonly #newest = new Map<number, string>();
  #snapshots = 0;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  constructor(server: SoakedServer, store: LogStore) {
    this.#server = server;
    this.#store = store;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** By shard, the newest snapshot that the server has reported. */
  newestSnapshots(): ReadonlyMap<number, string> {
    return new Map(this.#newest);
  }

  /** A lower bound: two snapshots within a second count once. */
  get snapshots(): number {
    return this.#snapshots;
  }

  async #look(): Promise<void> {
    for (const { shard, snapshot } of (await this.#server.tryShards()) ?? []) {
      if (snapshot === null || snapshot.position === this.#newest.get(shard)) continue;
      this.#newest.set(shard, snapshot.position);
      this.#snapshots += 1;
    }
    if (this.#looks++ % SIZE_EVERY === 0) await this.#measure();
    if (this.#timer !== undefined) this.start();
  }

  async #measure(): Promise<void> {
    const size = await this.#store.size();
    if (size === undefined) return;
    this.samples.push({ ...size, residentBytes: residentBytes(processTree(this.#server.pid)) });
  }
}

/** Whether position `0:3-17` is at or after `0:3-9`. */
export function isAtOrAfter(a: string, b: string): boolean {
  const [epochA = 0, seqA = 0] = numbersOf(a);
  const [epochB = 0, seqB = 0] = numbersOf(b);
  return epochA > epochB || (epochA === epochB && seqA >= seqB);
}

function numbersOf(position: string): readonly number[] {
  return position
    .slice(position.indexOf(":") + 1)
    .split("-")
    .map(Number);
}

/**
 * Sizes that have grown although they should not: the last third of the time against the first third after the
 * warm-up.
 */
export function growthFaults(samples: readonly Sample[]): readonly string[] {
  if (samples.length < SAMPLES_MIN) return [];
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const third = Math.floor(warm.length / 3);
  const measures: readonly (readonly [what: string, of: (sample: Sample) => number])[] = [
    ["entries in the log", ({ entries }) => entries],
    ["bytes in the store without snapshots", ({ bytes, snapshotBytes }) => bytes - snapshotBytes],
  ];
  return measures.flatMap(([what, of]) => {
    const first = meanOf(warm.slice(0, third).map(of));
    const last = meanOf(warm.slice(-third).map(of));
    return last <= first * GROWTH_MAX
      ? []
      : [`${what}: ${Math.round(first)} at first, ${Math.round(last)} in the end.`];
  });
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
