/** Reverts of one transfer that need other shards are decided one after the other. */
import type { Command } from "../../actors/records/command.ts";
import type { CompoundRun } from "./compound-run.ts";

/** Waiting reverts of one transfer. Bounded, because all are decided in one turn when the first has finished. */
const WAITING_MAX = 64;

/** Lets one revert of a transfer run at a time. */
export class RevertQueue {
  /** Waiting runs in order, by the id of the transfer that they revert. */
  readonly #waiting = new Map<string, CompoundRun[]>();

  isFullFor(command: Command): boolean {
    if (command.op !== "revert_transfer") return false;
    return (this.#waiting.get(command.id)?.length ?? 0) >= WAITING_MAX;
  }

  /** @returns false if the run has to wait; true for everything but reverts. */
  begin(run: CompoundRun): boolean {
    const { command, isDry } = run;
    if (command.op !== "revert_transfer" || isDry) return true;
    const waiting = this.#waiting.get(command.id);
    if (waiting === undefined) this.#waiting.set(command.id, []);
    else waiting.push(run);
    return waiting === undefined;
  }

  /** The run is decided or abandoned. @returns the runs that waited for it */
  end({ command, isDry }: CompoundRun): readonly CompoundRun[] {
    if (command.op !== "revert_transfer" || isDry) return [];
    const waiting = this.#waiting.get(command.id) ?? [];
    this.#waiting.delete(command.id);
    return waiting;
  }
}
