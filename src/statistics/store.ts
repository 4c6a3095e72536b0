/** Where the statistics are kept. `sqlite-store.ts` and `clickhouse-store.ts` implement it. */
import type { Checkpoint, Sample } from "./checkpoint.ts";
import type { Rows } from "./rows.ts";

/** Rows of entries, transfers and events are kept for this many days. Samples and accounts are kept for ever. */
export const KEPT_DAYS = 400;

/** Values of series at a moment, in the order in which the series were asked for. */
export type Values = Readonly<{ at: number; values: readonly bigint[] }>;

/** `closedAt`: all minutes up to this one are complete, ms since 1970 UTC; 0 before the first. */
export type Series = Readonly<{ closedAt: number; values: readonly Values[] }>;

export interface SeriesReader {
  /**
   * The values at these moments, which are in ascending order; 0 before the first sample. Moments after `closedAt` are
   * left out.
   *
   * @throws OperatingError `statistics_unavailable`: the store cannot be reached, or the service has never run.
   */
  read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series>;
  close(): Promise<void>;
}

/**
 * Every write may be repeated: rows and samples replace those with the same key. A checkpoint is written last, so after
 * a crash between any two writes the service continues from an earlier checkpoint and writes the same rows again.
 */
export interface StatisticsStore extends SeriesReader {
  /** Bytes of log records whose rows should be written at once. */
  readonly pageBytes: number;
  /** The last checkpoint, and the newest sample of each series up to it. @throws StatisticsUnusable */
  restore(): Promise<Readonly<{ checkpoint: Checkpoint; samples: readonly Sample[] }> | undefined>;
  writeRows(rows: Rows): Promise<void>;
  writeSamples(samples: readonly Sample[]): Promise<void>;
  writeCheckpoint(checkpoint: Checkpoint): Promise<void>;
  /** Shows readers all that was written. After any failure the service has to start again from its checkpoint. */
  flush(): Promise<void>;
}
