/** Notices replicas of a primary that are away or lag, in what the primary says of them: the reply of INFO. */

/** A replica reports every second. One that has been silent for longer would be of no help in a failover. */
const LAG_SECONDS_MAX = 5;

export class ReplicaWatch {
  /** The most that followed so far. How many there should be is written nowhere. */
  #most = 0;
  #following: number | undefined;

  /** @returns one line whenever another number of replicas follows; `undefined` while all is as before. */
  look(info: ReadonlyMap<string, string>): string | undefined {
    const before = this.#following;
    const following = countFollowing(info);
    this.#following = following;
    this.#most = Math.max(this.#most, following);
    if (following === before) return undefined;
    if (following < this.#most) return `${following} of ${this.#most} replicas of its primary follow it`;
    return before === undefined ? undefined : `all ${following} replicas of its primary follow it again`;
  }
}

/** Fields `slave0`, `slave1`, …: `ip=…,port=…,state=online,offset=…,lag=1`. */
function countFollowing(info: ReadonlyMap<string, string>): number {
  let count = 0;
  for (const [field, value] of info) {
    const lag = /^slave\d+$/.test(field) ? /state=online,.*lag=(\d+)/.exec(value)?.[1] : undefined;
    if (lag !== undefined && Number(lag) <= LAG_SECONDS_MAX) count += 1;
  }
  return count;
}
