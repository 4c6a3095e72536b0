/**
 * Places where a test may make a shard fail, as a crash there would. Nothing is armed unless `FAILPOINTS` says
 * so: `shard:point@n`, the n-th time that this shard passes the point after the server's start. With `!` behind it the
 * shard does not fail there, but hangs in an endless loop.
 */
export const POINTS = [
  "before_decide",
  "before_append",
  "after_append",
  // A transfer across shards, in order; those of the credit's shard are indented.
  "before_ask",
  /**/ "before_pin",
  /**/ "after_pin",
  "after_ask",
  "before_send",
  "after_send",
  /**/ "before_credit",
  /**/ "after_credit",
  /**/ "before_acknowledge",
  /**/ "after_acknowledge",
  "before_settle",
  "after_settle",
  "before_forget",
  // A transfer of several postings, or a pending one, across shards.
  "before_ask_legs",
  /**/ "before_reserve",
  /**/ "after_reserve",
  "after_ask_legs",
  "before_commit",
  "after_commit",
  "before_release",
  /**/ "before_released",
  /**/ "after_released",
  "before_expire",
] as const;

/** `hangs`: it does not fail there, but loops for ever. */
export type Failpoint = Readonly<{
  shard: number;
  point: (typeof POINTS)[number];
  at: number;
  hangs?: boolean;
}>;

export class Failpoints {
  readonly #armed: { readonly point: string; readonly hangs: boolean; left: number }[];

  constructor(armed: readonly Failpoint[]) {
    this.#armed = armed.map(({ point, at, hangs = false }) => ({ point, hangs, left: at }));
  }

  /** @throws Error when it is time to fail here. */
  pass(point: Failpoint["point"]): void {
    for (const armed of this.#armed) {
      if (armed.point !== point || --armed.left !== 0) continue;
      while (armed.hangs) {
        // For ever.
      }
      throw new Error(`failpoint ${point}`);
    }
  }
}

/** @throws TypeError text that is not a list of failpoints. */
export function parseFailpoints(text: string): readonly Failpoint[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(\d+):([a-z_]+)@(\d+)(!?)$/.exec(part);
      const point = POINTS.find((known) => known === match?.[2]);
      if (match === null || point === undefined) throw new TypeError(`no such failpoint: ${part}`);
      return { shard: Number(match[1]), point, at: Number(match[3]), hangs: match[4] === "!" };
    });
}
