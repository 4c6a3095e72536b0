/** Counts a shard's logged commands by kind, and its refusals by code, for the metrics. */
import type { Command, Recorded } from "../../actors/records/command.ts";
import type { Counted } from "./stats.ts";

export class CommandCounts {
  replays = 0;
  heapRefusals = 0;
  readonly #commands = new Map<string, number>();
  /** Counted apart, because they are by far the most. */
  #plainTransfers = 0;
  readonly #rejections = new Map<string, number>();

  note(command: Command, outcome: Recorded): void {
    if (command.op === "transfer" && command.act === undefined) this.#plainTransfers += 1;
    else increment(this.#commands, kindOf(command));
    if (!outcome.ok) increment(this.#rejections, outcome.code);
  }

  get all() {
    return {
      commands: [["transfer", this.#plainTransfers], ...this.#commands] satisfies Counted[],
      rejections: [...this.#rejections] satisfies Counted[],
      replays: this.replays,
      heapRefusals: this.heapRefusals,
    };
  }
}

/** The name of the act's programme, or the operation. */
function kindOf(command: Command): string {
  return "act" in command && command.act !== undefined ? command.act.programme : command.op;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
