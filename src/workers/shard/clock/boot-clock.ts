/**
 * The time since the machine started, time asleep included. `performance.now()` stands still while a machine is
 * suspended, so it cannot say how old a word of the log is, nor whether the wall clock has jumped. `os.uptime()` can, but
 * costs 10 µs and has a resolution of 10 ms (Linux), 16 ms (Windows) or 1 s (macOS). So the monotonic clock is read, and
 * what it has missed is added.
 */
import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/** `os.uptime()` is asked this often, and whenever wall clock and monotonic clock disagree. */
const ASK_EVERY_MS = 250;
/** A sleep moves the wall clock and not the monotonic one. NTP slews by less than 0.1 ms per ms. */
const DISAGREEMENT_MS = 30;
/** What two readings of `os.uptime()` may be wrong by. A shorter sleep is not seen. */
const UNCERTAINTY_MS = process.platform === "darwin" ? 1_100 : 50;

export type BootClockSources = Readonly<{
  uptimeMs: () => number;
  monotonicMs: () => number;
  wallMs: () => number;
  uncertaintyMs: number;
}>;

const MACHINE: BootClockSources = {
  uptimeMs: () => uptime() * 1000,
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  uncertaintyMs: UNCERTAINTY_MS,
};

/** @returns a clock in ms that never goes back and counts sleep. A reading costs about 0.2 µs. */
export function bootClock(sources: BootClockSources = MACHINE): () => number {
  const { uptimeMs, monotonicMs, wallMs, uncertaintyMs } = sources;
  let monotonicAtMs = monotonicMs();
  let wallAtMs = wallMs();
  let uptimeAtMs = uptimeMs();
  return () => {
    const elapsedMs = monotonicMs() - monotonicAtMs;
    const wallElapsedMs = wallMs() - wallAtMs;
    const isPlain = Math.abs(wallElapsedMs - elapsedMs) < DISAGREEMENT_MS;
    if (isPlain && elapsedMs < ASK_EVERY_MS) return uptimeAtMs + elapsedMs;
    monotonicAtMs += elapsedMs;
    wallAtMs += wallElapsedMs;
    uptimeAtMs += elapsedMs;
    const missedMs = uptimeMs() - uptimeAtMs;
    if (missedMs > uncertaintyMs) uptimeAtMs += missedMs;
    return uptimeAtMs;
  };
}

/**
 * Names this start of the machine, so that times since boot can be compared. `undefined` where the system has no such
 * name (macOS, Windows): there every start of a server counts as one after a start of the machine.
 */
export function readBootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
