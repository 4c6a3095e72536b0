/**
 * Judges the wall clock for all shards of a server. Pure: the clocks and the witnesses of DATA_DIR are passed in. The
 * reasons are in docs/adr/0014-the-log-clock.md.
 */
import type { WitnessedClock } from "../../wal/witness.ts";
import { type Clocks, JUMP_MS, type JudgedClock } from "../shard/clock/log-clock.ts";

/** The baseline follows a slewed wall clock at most this fast (ms per ms); chrony slews by up to 8.3 %. */
const SLEW = 0.1;
/** Smaller differences are ignored. */
const DIFFERENCE_MS_MIN = 1_000;
/** A wall clock that is too far ahead after a reboot is followed after this time. */
export const HELD_BACK_MS = 10 * 60_000;

export type ClockState =
  | Readonly<{ kind: "followed" }>
  /** `byMs`: wall clock minus expected time. */
  | Readonly<{ kind: "jumped"; byMs: number }>
  /** `byMs`: wall clock minus expected time; `leftMs`: until the wall clock is followed. */
  | Readonly<{ kind: "held_back"; byMs: number; leftMs: number }>;

export type ServerClockOptions = Readonly<{
  clocks: Clocks;
  /** Id of the machine's present boot. */
  bootId: string | undefined;
  /** Clocks of an earlier server, from the witness files. */
  witnessed: readonly WitnessedClock[];
  /** After a reboot the wall clock may be this far ahead of the newest of them. */
  jumpMsMax: number;
}>;

export class ServerClock {
  readonly #clocks: Clocks;
  readonly #bootId: string | undefined;
  readonly #jumpMsMax: number;
  #baselineMs: number;
  /** The time since boot at which the wall clock is followed again; `undefined`: it is not held back. */
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
      // Keep the baseline across restarts of the server: otherwise a jump below a minute at each of many restarts
      // adds up.
      this.#baselineMs = sameBoot.baselineMs;
    } else if (last !== undefined && clocks.wallMs() - last.timeMs > jumpMsMax) {
      this.#baselineMs = last.timeMs - uptimeMs;
      this.#heldBackToMs = uptimeMs + HELD_BACK_MS;
    }
    this.check();
  }

  /** For the shards. A held-back clock carries no boot id, so that it is held back after another restart, too. */
  get judged(): JudgedClock {
    return {
      baselineMs: this.#baselineMs,
      bootId: this.#heldBackToMs === undefined ? this.#bootId : undefined,
    };
  }

  get state(): ClockState {
    return this.#state;
  }

  /** Wall clock minus expected time, ms. */
  get differenceMs(): number {
    return this.#clocks.wallMs() - this.#baselineMs - this.#clocks.uptimeMs();
  }

  /** Call it once a second. */
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

  /** Trusts the wall clock as it is now. */
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
