/** Judges the wall clock once a second; informs the shards, and warns the operator. */
import type { Log } from "../../http/log/request-log.ts";
import { takeAcceptance } from "../../wal/clock-acceptance.ts";
import { JUMP_MS } from "../shard/clock/log-clock.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { ServerClock } from "./server-clock.ts";

const CHECK_MS = 1_000;
/** Interval of questions to the second clock: normally, and while the wall clock has jumped. */
const ASK_EVERY_MS = 60_000;
const ASK_SOON_MS = 5_000;

/** A clock of another machine: ms since 1970, or `undefined` if it has none. */
export type SecondClock = Readonly<{ ask: () => Promise<number | undefined> }>;

export type ClockWatchOptions = Readonly<{
  clock: ServerClock;
  wallMs: () => number;
  uptimeMs: () => number;
  dataDir: string;
  second: SecondClock | undefined;
  log: Log;
}>;

type Parts = Readonly<{
  supervisor: Pick<Supervisor, "judgeClock" | "clockAheadMs">;
  /** The result of `warnings` has changed. */
  onChange: () => void;
}>;

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #parts: Parts | undefined;
  #reportedBaselineMs: number;
  /** The state that was reported last, as text; empty before the first report. */
  #reported = "";
  /** Second clock minus time since boot, when the wall clock was last followed. */
  #secondBaselineMs: number | undefined;
  #askAtMs = 0;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#reportedBaselineMs = options.clock.judged.baselineMs;
  }

  start(parts: Parts): void {
    this.#parts = parts;
    this.check();
    setInterval(() => this.check(), CHECK_MS).unref();
  }

  check(): void {
    const { clock } = this.#options;
    clock.check();
    this.#takeAcceptance();
    this.#askSecond();
    const { judged, state } = clock;
    const current = `${state.kind} ${judged.bootId} ${this.#isFarAhead}`;
    if (current === this.#reported && judged.baselineMs === this.#reportedBaselineMs) return;
    this.#reportedBaselineMs = judged.baselineMs;
    this.#parts?.supervisor.judgeClock(judged);
    if (current === this.#reported) return;
    const isFirst = this.#reported === "";
    this.#reported = current;
    const { log } = this.#options;
    for (const reason of this.warnings()) log.warn({ reason }, "the clock");
    if (state.kind === "followed" && !isFirst) log.info({}, "log time follows the clock");
    this.#parts?.onChange();
  }

  /** Warnings about the clock for operators, one line each. */
  warnings(): readonly string[] {
    const { clock, wallMs } = this.#options;
    const { state } = clock;
    const warnings: string[] = [];
    const shown = textOf(wallMs());
    if (state.kind === "jumped") {
      const how = `${Math.round(Math.abs(state.byMs) / 1000)} s ${state.byMs > 0 ? "ahead" : "back"}`;
      warnings.push(
        `the clock has jumped ${how}, to ${shown}, and is not followed: log time continues with the time since boot. Correct the clock; if it is right, run daybook clock accept`,
      );
    }
    if (state.kind === "held_back") {
      const ahead = Math.round(state.byMs / 3_600_000);
      warnings.push(
        `after a start of the machine the clock shows ${shown}, ${ahead} h after the last time in the log (CLOCK_JUMP_MAX): for ten minutes log time continues from the last time in the log, so that nothing expires by mistake. If the clock is wrong, stop this server and correct it; if it is right, run daybook clock accept`,
      );
    }
    if (this.#isFarAhead)
      warnings.push(
        `log time is ahead of the clock, which shows ${shown}: it runs at half speed until the clock has caught up; daybook_log_ahead_seconds shows the difference`,
      );
    return warnings;
  }

  /** Whether log time follows the wall clock. */
  get isFollowed(): boolean {
    return this.#options.clock.state.kind === "followed";
  }

  /** Wall clock minus its expected time by the time since boot. */
  get differenceMs(): number {
    return this.#options.clock.differenceMs;
  }

  get #isFarAhead(): boolean {
    return (this.#parts?.supervisor.clockAheadMs ?? 0) > JUMP_MS && this.isFollowed;
  }

  #takeAcceptance(): void {
    const { clock, dataDir, wallMs, log } = this.#options;
    try {
      const acceptedMs = takeAcceptance(dataDir);
      if (acceptedMs === undefined || Math.abs(wallMs() - acceptedMs) > JUMP_MS) return;
    } catch (error) {
      log.warn({ reason: String(error) }, "the acceptance of the clock could not be read");
      return;
    }
    log.info({ shows: textOf(wallMs()) }, "an operator has accepted the clock");
    clock.accept();
  }

  /**
   * A second clock confirms the wall clock only if it has not jumped itself. One that jumped at the same moment is
   * the same physical clock, for example of another container on this machine.
   */
  #askSecond(): void {
    const { clock, second, uptimeMs } = this.#options;
    const askedAtMs = uptimeMs();
    const hasJumped = clock.state.kind === "jumped";
    if (second === undefined || clock.state.kind === "held_back" || askedAtMs < this.#askAtMs) return;
    this.#askAtMs = askedAtMs + (hasJumped ? ASK_SOON_MS : ASK_EVERY_MS);
    void second.ask().then(
      (secondMs) => {
        if (secondMs === undefined) return;
        if (clock.state.kind === "followed") this.#secondBaselineMs = secondMs - uptimeMs();
        else this.#compare(secondMs);
      },
      // An unavailable log is reported by the shards.
      () => {},
    );
  }

  #compare(secondMs: number): void {
    const { clock, wallMs, uptimeMs, log } = this.#options;
    const before = this.#secondBaselineMs;
    if (clock.state.kind !== "jumped" || before === undefined) return;
    if (Math.abs(secondMs - wallMs()) > JUMP_MS || Math.abs(secondMs - uptimeMs() - before) > JUMP_MS) return;
    log.info({ shows: textOf(wallMs()) }, "the clock of Redis agrees with this one");
    clock.accept();
  }
}

function textOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
