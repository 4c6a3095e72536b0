/**
 * The machine of a run's servers. Its wall clock jumps, it sleeps, it reboots. Log time must stay near the honest time,
 * which a correct clock would show, within the bounds of docs/adr/0014-the-log-clock.md.
 */

import type { WitnessedClock } from "../../src/wal/witness.ts";
import { ServerClock } from "../../src/workers/server/server-clock.ts";
import { JUMP_MS } from "../../src/workers/shard/clock/log-clock.ts";
import type { Random } from "../support/random.ts";
import { BEGINNING_MS, type VirtualClock } from "./virtual-clock.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** The default of CLOCK_JUMP_MAX. */
const CLOCK_JUMP_MS_MAX = DAY_MS;
const SLEEP_MS_MAX = 30 * 60 * 1000;
/** Total sleep of a run. Below one day, because idempotency keys are kept for one day of log time. */
const TOTAL_SLEEP_MS_MAX = 20 * 60 * 60 * 1000;
/** The log clock slews its baseline by at most this share of the elapsed time. */
const SLEW = 0.1;
/** The longest time from the opening of a batch until it is durable: shards hang, logs are slow, connections break again and again. */
const LATE_MS = 60_000;
const ACCURACY_MS = 1_000;

/** The first log time since the shard started, and the honest time of that moment. */
export type FirstTime = Readonly<{ timeMs: number; honestMs: number }>;

export class Machine {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  /** By shard: the clock state that DATA_DIR remembers. */
  readonly witnessed: (WitnessedClock | undefined)[] = [];
  readonly #sleeps: { readonly atMs: number; readonly ms: number }[] = [];
  /** The machine booted with a clock days ahead. A server follows it after ten minutes; a sleep must not shorten that. */
  #isHeldBack = false;
  #boots = 1;
  #bootedMs = BEGINNING_MS;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The time since boot, including sleep. */
  readonly uptimeMs = (): number => this.honestMs - this.#bootedMs;
  readonly wallMs = (): number => this.#clock.timeMs;

  get bootId(): string {
    return `boot-${this.#boots}`;
  }

  /** The time of a correct clock. */
  get honestMs(): number {
    return this.#honestAt(this.#clock.nowMs);
  }

  /** Whether the wall clock is correct. */
  get isRight(): boolean {
    return Math.abs(this.#offByMs) < ACCURACY_MS;
  }

  newServerClock(): ServerClock {
    return new ServerClock({
      clocks: { wallMs: this.wallMs, uptimeMs: this.uptimeMs },
      bootId: this.bootId,
      witnessed: this.witnessed.filter((each) => each !== undefined),
      jumpMsMax: CLOCK_JUMP_MS_MAX,
    });
  }

  /** Seconds to days, forward or back; `undefined` before DATA_DIR knows this boot, as a server would follow any jump. */
  drawJumpMs(): number | undefined {
    if (!this.witnessed.some((each) => each?.bootId === this.bootId)) return undefined;
    const ms = Math.floor(1_000 * 10 ** (5.5 * this.#random.fraction()));
    return this.#random.chance(0.5) ? ms : -ms;
  }

  /** @returns the jump in ms */
  jump(): number {
    const ms = this.#random.chance(0.3) ? undefined : this.drawJumpMs();
    if (ms === undefined) this.setRight();
    else this.#clock.wallOffsetMs += ms;
    return ms ?? 0;
  }

  setRight(): void {
    this.#isHeldBack = false;
    this.#clock.wallOffsetMs -= this.#offByMs;
  }

  /** All clocks advance except the monotonic one. @returns the time slept in ms */
  sleep(): number {
    const ms = Math.floor(SLEEP_MS_MAX * this.#random.fraction() ** 3);
    if (this.#isHeldBack || this.#sleptMs(this.#clock.nowMs) + ms > TOTAL_SLEEP_MS_MAX) return 0;
    this.#sleeps.push({ atMs: this.#clock.nowMs, ms });
    this.#clock.wallOffsetMs += ms;
    return ms;
  }

  /** Reboots, possibly with a clock that is days behind or ahead. */
  reboot(): void {
    this.#boots += 1;
    this.#bootedMs = this.honestMs;
    this.setRight();
    const days = this.#random.oneOf([0, 0, 0, -2, -1, 2]);
    // Without remembered clock state a server follows any clock.
    if (days === 0 || this.witnessed.length === 0) return;
    this.#isHeldBack = days > 0;
    this.#clock.wallOffsetMs += Math.floor(days * DAY_MS * (1 + this.#random.fraction()));
  }

  /**
   * Judges the time of a batch that has just become durable.
   *
   * @returns what is wrong with it.
   */
  judge(timeMs: number, first: FirstTime): string | undefined {
    const honestMs = this.honestMs;
    const aheadMs = JUMP_MS + SLEW * (honestMs - BEGINNING_MS) + ACCURACY_MS;
    if (timeMs > honestMs + aheadMs) return `log time is ${timeMs - honestMs} ms ahead of the honest time`;
    const leastMs = first.timeMs + (this.#honestAt(this.#clock.nowMs - LATE_MS) - first.honestMs) / 2;
    if (timeMs < leastMs) return `log time has gone slower than half of real time, by ${leastMs - timeMs} ms`;
    return undefined;
  }

  get #offByMs(): number {
    return this.#clock.wallOffsetMs - (this.honestMs - this.#clock.nowMs);
  }

  #honestAt(nowMs: number): number {
    return BEGINNING_MS + nowMs + this.#sleptMs(nowMs);
  }

  #sleptMs(nowMs: number): number {
    return this.#sleeps.reduce((sum, { atMs, ms }) => (atMs <= nowMs ? sum + ms : sum), 0);
  }
}
