/**
 * Points where a test can make a shard crash. The setting `FAILPOINTS` arms them: `shard:point@n` crashes the shard
 * when it passes the point for the n-th time since the server's start. `shard:point@n!` makes it hang in an endless
 * loop instead. With `webhooks` for the shard, it is the thread that delivers webhooks.
 */
export const SHARD_POINTS = [
  "before_decide",
  "before_append",
  "after_append",
  // A cross-shard transfer, in order; points on the credit's shard are indented.
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
  // A cross-shard compound transfer (several postings, pending, or a revert).
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

/** With those of the thread that delivers webhooks: a request to an endpoint was answered. */
const POINTS = [...SHARD_POINTS, "after_post"] as const;

/** In place of the shard: the thread that delivers webhooks. */
export const NO_SHARD = -1;

/** `at`: on which pass, from 1. `hangs`: the shard loops forever instead of crashing. */
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

  /** @throws Error if the point is armed for this pass. */
  pass(point: Failpoint["point"]): void {
    for (const armed of this.#armed) {
      if (armed.point !== point || --armed.left !== 0) continue;
      while (armed.hangs) {
        // Hang.
      }
      throw new Error(`failpoint ${point}`);
    }
  }
}

/** @throws TypeError the text is no list of failpoints. */
export function parseFailpoints(text: string): readonly Failpoint[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(\d+|webhooks):([a-z_]+)@(\d+)(!?)$/.exec(part);
      const point = POINTS.find((known) => known === match?.[2]);
      if (match === null || point === undefined) throw new TypeError(`no such failpoint: ${part}`);
      const shard = match[1] === "webhooks" ? NO_SHARD : Number(match[1]);
      return { shard, point, at: Number(match[3]), hangs: match[4] === "!" };
    });
}
