/**
 * Whether the archive keeps up. The log may be trimmed only below the archive's position, so an archive that
 * falls behind for good would let the log grow without bound.
 */
import { compareLogIds, type LogId } from "../wal/wal.ts";

/** What a shard had made durable by `atMs`; the archive must reach it in time. */
type Mark = Readonly<{ id: LogId; atMs: number }>;

type Follower = Readonly<{ shard: number; durable: LogId; stored: LogId | undefined }>;

export class ArchiveLag {
  readonly #lagMsMax: number;
  readonly #marks = new Map<number, Mark>();

  constructor(lagMsMax: number) {
    this.#lagMsMax = lagMsMax;
  }

  /**
   * To be called about once a second.
   *
   * @param nowMs a clock that never goes back.
   * @returns why no commands should be taken, `undefined` while the archive keeps up.
   */
  check(followers: readonly Follower[], nowMs: number): string | undefined {
    let reason: string | undefined;
    for (const { shard, durable, stored } of followers) {
      const mark = this.#marks.get(shard);
      if (mark === undefined || (stored !== undefined && compareLogIds(stored, mark.id) >= 0)) {
        this.#marks.set(shard, { id: durable, atMs: nowMs });
      } else if (mark.id.epoch > 0 && nowMs - mark.atMs > this.#lagMsMax) {
        reason = `the archive is more than ${this.#lagMsMax / 1000} s behind shard ${shard}`;
      }
    }
    return reason;
  }
}
