/**
 * Judges the wall clock for all shards of a server. Pure: clocks and what DATA_DIR remembers are handed in.
 * docs/adr/0014-the-log-clock.md says why.
 */
import type { WitnessedClock } from "../../wal/witness.ts";
import { type Clocks, JUMP_MS, type JudgedClock } from "../shard/clock/log-clock.ts";

/** The baseline follows a wall clock that is slewed, at most this fast: chrony slews by up to 8.3 %. */
const SLEW = 0.1;
/** Smaller differences are left alone. */
const DIFFERENCE_MS_MIN = 1_000;
/** A wall clock that is too far ahead after a start of the machine is followed after this time. */
export const HELD_BACK_MS = 10 * 60_000;

export type ClockState =
  | Readonly<{ kind: "followed" }>
  /** By how much the wall clock differs from what it ought to show. */
  | Readonly<{ kind: "jumped"; byMs: number }>
  /** It is so far ahead of the last log time, and will be followed in so long. */
  | Readonly<{ kind: "held_back"; byMs: number; leftMs: number }>;

export type ServerClockOptions = Readonly<{
  clocks: Clocks;
  /** Of this start of the machine. */
  bootId: string | undefined;
  /** What the witnesses say of an earlier server's log time. */
  witnessed: readonly WitnessedClock[];
  /** A wall clock may be so far ahead of them after a start of the machine. */
  jumpMsMax: number;
}>;

export class ServerClock {
  readonly #clocks: Clocks;
  readonly #bootId: string | undefined;
  readonly #jumpMsMax: number;
  #baselineMs: number;
  /** Until this time since boot; `undefined`: it is not held back. */
  #heldBackToMs: number | undefined;
  #slewedAtMs: number;
  #state: ClockState = { kind: "followed" };

  constructor({ clocks, bootId, witnessed, jumpMsMax }: ServerClockOptions) {
    this.#clocks = clocks;
    this.#bootId = bootId;
    this.#jumpMsMax = jumpMsMax;
    const uptimeMs = clocks.uptimeMs();
    this.#slewedAtMs = uptimeMs;
    this.#baselineMs = clocks.wallMs() - uptimeMs;
    const sameBoot = newestOf(
      witnessed.filter((each) => bootId !== undefined && each.bootId === bootId),
      (each) => each.uptimeMs,
    );
    const last = newestOf(witnessed, (each) => each.timeMs);
    if (sameBoot !== undefined) {
      // A start of the server is no reason to follow a jump, however small: a minute at each of many starts adds up.
      this.#baselineMs = sameBoot.baselineMs;
    } else if (last !== undefined && clocks.wallMs() - last.timeMs > jumpMsMax) {
      this.#baselineMs = last.timeMs - uptimeMs;
      this.#heldBackToMs = uptimeMs + HELD_BACK_MS;
    }
    this.check();
  }

  /** What shards go by. A clock that is held back must be held back after another start, too: so no boot is named. */
  get judged(): JudgedClock {
    return {
      baselineMs: this.#baselineMs,
      bootId: this.#heldBackToMs === undefined ? this.#bootId : undefined,
    };
  }

  get state(): ClockState {
    return this.#state;
  }

  /** Wall time minus what it ought to be. */
  get differenceMs(): number {
    return this.#clocks.wallMs() - this.#baselineMs - this.#clocks.uptimeMs();
  }

  /** To be called once a second. */
  check(): void {
    const uptimeMs = this.#clocks.uptimeMs();
    const byMs = this.#clocks.wallMs() - this.#baselineMs - uptimeMs;
    if (this.#heldBackToMs !== undefined) {
      if (byMs <= this.#jumpMsMax || uptimeMs >= this.#heldBackToMs) {
        this.accept();
        return;
      }
      this.#state = { kind: "held_back", byMs, leftMs: this.#heldBackToMs - uptimeMs };
    } else if (Math.abs(byMs) > JUMP_MS) this.#state = { kind: "jumped", byMs };
    else {
      this.#state = { kind: "followed" };
      this.#slew(byMs, SLEW * (uptimeMs - this.#slewedAtMs));
    }
    this.#slewedAtMs = uptimeMs;
  }

  /** The wall clock is right as it is. */
  accept(): void {
    this.#heldBackToMs = undefined;
    this.#slewedAtMs = this.#clocks.uptimeMs();
    this.#baselineMs = this.#clocks.wallMs() - this.#slewedAtMs;
    this.#state = { kind: "followed" };
  }

  #slew(byMs: number, msMax: number): void {
    if (Math.abs(byMs) >= DIFFERENCE_MS_MIN) this.#baselineMs += Math.max(-msMax, Math.min(byMs, msMax));
  }
}

function newestOf(
  witnessed: readonly WitnessedClock[],
  ageOf: (each: WitnessedClock) => number,
): WitnessedClock | undefined {
  return witnessed.toSorted((a, b) => ageOf(b) - ageOf(a))[0];
}
