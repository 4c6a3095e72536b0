/**
 * Reverts that are being asked of other shards. A second one of the same transfer waits for the first: both would
 * reserve the money that goes back, of which only one is needed, and who else wants it would be refused for nothing.
 */
import type { Command } from "../actors/command.ts";
import type { Run } from "./run.ts";

/** Of one transfer: when the first is done, all others are refused in one turn. */
const WAITING_MAX = 64;

export class RevertsUnderWay {
  /** Those that wait, in order, by what is taken back. */
  readonly #waiting = new Map<string, Run[]>();

  isFullFor(command: Command): boolean {
    if (command.op !== "revert_transfer") return false;
    return (this.#waiting.get(command.id)?.length ?? 0) >= WAITING_MAX;
  }

  /** @returns false when it has to wait. Whatever is no revert never does. */
  begin(run: Run): boolean {
    const { command, isDry } = run;
    if (command.op !== "revert_transfer" || isDry) return true;
    const waiting = this.#waiting.get(command.id);
    if (waiting === undefined) this.#waiting.set(command.id, []);
    else waiting.push(run);
    return waiting === undefined;
  }

  /** It is decided, or will not be done now. Returns those that waited for it. */
  end({ command, isDry }: Run): readonly Run[] {
    if (command.op !== "revert_transfer" || isDry) return [];
    const waiting = this.#waiting.get(command.id) ?? [];
    this.#waiting.delete(command.id);
    return waiting;
  }
}
