/** Asks the operator for its answers to top-ups, on the main thread: each costs one small request and one command. */
import { openOperator } from "../../operator/open-operator.ts";
import type { OperatorStats } from "../../operator/operator-stats.ts";
import { SaleAsker, type SaleLedger } from "../../operator/sale-asker.ts";
import { PeriodicCheck } from "../server/periodic-check.ts";

export type OperatorStatus = OperatorStats & Readonly<{ conflicts: number | undefined }>;

export class OperatorDesk {
  readonly #asker: SaleAsker;
  readonly #conflicts: PeriodicCheck<number>;

  /** @param location the setting TOPUP_OPERATOR. */
  constructor(location: string, ledger: SaleLedger, onFailure: (error: unknown) => void) {
    this.#asker = new SaleAsker({
      ledger,
      operator: openOperator(location),
      nowMs: Date.now,
      random: Math.random,
      schedule: (ms, work) => {
        const timer = setTimeout(work, ms).unref();
        return () => clearTimeout(timer);
      },
      onFailure,
    });
    this.#conflicts = new PeriodicCheck(() => ledger.conflicts());
  }

  get status(): OperatorStatus {
    return { ...this.#asker.stats(), conflicts: this.#conflicts.last };
  }

  start(): void {
    this.#asker.start();
    this.#conflicts.start();
  }

  /** Waits for the answers in flight, at most `msMax`. What is lost is asked for again after the next start. */
  async drain(msMax: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, msMax);
    await Promise.race([this.#asker.close(), late]);
    clearTimeout(deadline);
  }
}
