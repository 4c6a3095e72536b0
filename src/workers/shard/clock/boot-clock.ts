/**
 * The time since the machine booted, suspended time included. `performance.now()` stops while a machine is suspended,
 * so it cannot measure the age of a lease, nor show whether the wall clock has jumped. `os.uptime()` can, but costs
 * 10 µs and has a resolution of 10 ms (Linux), 16 ms (Windows) or 1 s (macOS). So this clock reads the monotonic
 * clock and adds the suspended time.
 */
import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/** `os.uptime()` is read this often, and whenever wall clock and monotonic clock disagree. */
const ASK_EVERY_MS = 250;
/** A suspension moves the wall clock but not the monotonic clock. NTP slews by less than 0.1 ms per ms. */
const DISAGREEMENT_MS = 30;
/** Error of the difference of two `os.uptime()` readings. A shorter suspension is not noticed. */
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

/** @returns a clock in ms that never goes back and counts suspended time. A reading costs about 0.2 µs. */
export function bootClock(sources: BootClockSources = MACHINE): () => number {
  const { uptimeMs, monotonicMs, wallMs, uncertaintyMs } = sources;
  let monotonicAtMs = monotonicMs();
  let wallAtMs = wallMs();
  let uptimeAtMs = uptimeMs();
  return () => {
    const elapsedMs = monotonicMs() - monotonicAtMs;
    const wallElapsedMs = wallMs() - wallAtMs;
    const isSteady = Math.abs(wallElapsedMs - elapsedMs) < DISAGREEMENT_MS;
    if (isSteady && elapsedMs < ASK_EVERY_MS) return uptimeAtMs + elapsedMs;
    monotonicAtMs += elapsedMs;
    wallAtMs += wallElapsedMs;
    uptimeAtMs += elapsedMs;
    const missedMs = uptimeMs() - uptimeAtMs;
    if (missedMs > uncertaintyMs) uptimeAtMs += missedMs;
    return uptimeAtMs;
  };
}

/**
 * The id of this boot of the machine; times since boot are comparable only within one boot. `undefined` where the
 * system has no such id (macOS, Windows): there every start of a server is treated as one after a reboot.
 */
export function readBootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
