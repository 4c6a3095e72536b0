/** Notices replicas of a primary that are away or lag, in what the primary says of them: the reply of INFO. */

/** A replica reports every second. One that has been silent for longer would be of no help in a failover. */
const LAG_SECONDS_MAX = 5;

/** After this time without a reply of the primary, nobody knows how many follow it. It is asked every two seconds. */
const SILENT_MS = 10_000;

export class ReplicaWatch {
  readonly #behindBytesMax: number;
  /** The most that followed so far. How many there should be is written nowhere. */
  #most = 0;
  #following: number | undefined;
  #lookedMs = 0;

  /**
   * @param behindBytesMax a replica that lacks more than this of what its primary has written does not follow it. It
   *   reports every second nevertheless.
   */
  constructor(behindBytesMax: number) {
    this.#behindBytesMax = behindBytesMax;
  }

  /** How many replicas follow; `undefined` if the primary has not answered lately. */
  get following(): number | undefined {
    return performance.now() - this.#lookedMs < SILENT_MS ? this.#following : undefined;
  }

  /** @returns one line whenever another number of replicas follows; `undefined` while all is as before. */
  look(info: ReadonlyMap<string, string>): string | undefined {
    const before = this.#following;
    const following = countFollowing(info, this.#behindBytesMax);
    this.#lookedMs = performance.now();
    this.#following = following;
    this.#most = Math.max(this.#most, following);
    if (following === before) return undefined;
    if (following < this.#most) return `${following} of ${this.#most} replicas of its primary follow it`;
    return before === undefined ? undefined : `all ${following} replicas of its primary follow it again`;
  }
}

/** Fields `slave0`, `slave1`, …: `ip=…,port=…,state=online,offset=…,lag=1`. */
function countFollowing(info: ReadonlyMap<string, string>, behindBytesMax: number): number {
  const written = Number(info.get("master_repl_offset") ?? 0);
  let count = 0;
  for (const [field, value] of info) {
    if (!/^slave\d+$/.test(field)) continue;
    const [, offset, lag] = /state=online,offset=(\d+),lag=(\d+)/.exec(value) ?? [];
    const isInTime = Number(lag ?? Number.POSITIVE_INFINITY) <= LAG_SECONDS_MAX;
    if (isInTime && written - Number(offset) <= behindBytesMax) count += 1;
  }
  return count;
}
