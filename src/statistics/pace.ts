/** Rests between the steps of the service, so that it takes little of a machine that others need. */
import { cpus } from "node:os";

/** Shorter times say little: the system counts in steps of 10 ms. */
const WINDOW_MS = 500;
/** The service's share of one core while others use half of the machine or more. */
const SHARE_MIN = 1 / 12;

/** Core time since some moment, in ms. `idle` and `all`: of all cores. `own`: of this process. */
export type CoreTimes = Readonly<{ idle: number; all: number; own: number }>;

export class Pace {
  readonly #now: () => CoreTimes;
  #window: CoreTimes;
  #restedAt: number;
  /** Of one core. Until something is known, the machine counts as busy. */
  #share = SHARE_MIN;

  constructor(now = coreTimes) {
    this.#now = now;
    this.#window = now();
    this.#restedAt = this.#window.own;
  }

  /** How long to rest for the work since the last call, in ms: nothing while nobody else uses the machine. */
  restMs(): number {
    const now = this.#now();
    if (now.all - this.#window.all >= WINDOW_MS) {
      this.#share = shareOf(this.#window, now);
      this.#window = now;
    }
    const worked = now.own - this.#restedAt;
    this.#restedAt = now.own;
    return worked / this.#share - worked;
  }
}

/** A machine that others use half of has nothing to spare: its threads share caches and memory with the service. */
function shareOf(from: CoreTimes, to: CoreTimes): number {
  const all = to.all - from.all;
  const others = (all - (to.idle - from.idle) - (to.own - from.own)) / all;
  return Math.min(1, Math.max(SHARE_MIN, 1 - 2 * others));
}

/** A system that does not say how its cores are used counts as busy. */
function coreTimes(): CoreTimes {
  const { user, system } = process.cpuUsage();
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all, own: (user + system) / 1000 };
}
