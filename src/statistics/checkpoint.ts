/** What a start of the service continues from. */
import type { Witness } from "../wal/wal.ts";

/** Raised when the meaning of stored rows changes. Statistics of another version are refused and built anew. */
const FORMAT_VERSION = 1;

/** The value of a partner's series after all records with log time up to `at`, inclusive. */
export type Sample = Readonly<{ partner: string; series: string; at: number; value: bigint }>;

/**
 * All minutes up to `at` are complete. `positions`: the last batch of each shard up to that moment. The batches after
 * it are read again after a start.
 */
export type Checkpoint = Readonly<{ at: number; positions: readonly Witness[] }>;

/** What the store holds was written by another version, or from another log. */
export class StatisticsUnusable extends Error {
  readonly code = "statistics_unusable";
}

export function checkpointText({ at, positions }: Checkpoint): string {
  const rows = positions.map(({ id, hash }) => [id.epoch, id.seq, Buffer.from(hash).toString("hex")]);
  return JSON.stringify({ version: FORMAT_VERSION, at, positions: rows });
}

/** @throws StatisticsUnusable */
export function checkpointOf(text: string): Checkpoint {
  // Written by `checkpointText`; the version says with which fields.
  const { version, at, positions } = JSON.parse(text) as {
    version: number;
    at: number;
    positions: [epoch: number, seq: number, hash: string][];
  };
  if (version !== FORMAT_VERSION)
    throw new StatisticsUnusable(
      `the statistics have format ${version}, this version writes ${FORMAT_VERSION}`,
    );
  return {
    at,
    positions: positions.map(([epoch, seq, hash]) => ({
      id: { epoch, seq },
      hash: Buffer.from(hash, "hex"),
    })),
  };
}
