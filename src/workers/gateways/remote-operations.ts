/** The operations of the server, as the thread of a gateway sees them: told beforehand, or asked of the main thread. */
import type { Operations, ShardStatus } from "../../gateway/ports.ts";
import type { MainQuestion, ServerHealth } from "./gateway-messages.ts";
import type { Rpc } from "./rpc.ts";

export class RemoteOperations implements Operations {
  readonly #main: Rpc<MainQuestion>;
  #standing: ServerHealth;

  constructor(main: Rpc<MainQuestion>, standing: ServerHealth) {
    this.#main = main;
    this.#standing = standing;
  }

  update(standing: ServerHealth): void {
    this.#standing = standing;
  }

  overload(): string | undefined {
    return this.#standing.overload;
  }

  unready(): readonly string[] {
    return this.#standing.unready;
  }

  warnings(): readonly string[] {
    return this.#standing.warnings;
  }

  async shards(): Promise<readonly ShardStatus[]> {
    return (await this.#main.ask("shards")) as readonly ShardStatus[];
  }

  async restart(shard: number): Promise<boolean> {
    return (await this.#main.ask({ restart: shard })) as boolean;
  }

  async takeSnapshots(): Promise<boolean> {
    return (await this.#main.ask("snapshots")) as boolean;
  }

  async metrics(): Promise<string> {
    return (await this.#main.ask("metrics")) as string;
  }
}

/** The other side: the main thread answers for a gateway's thread. */
export function answerQuestion(operations: Operations, question: MainQuestion): unknown {
  if (question === "shards") return operations.shards();
  if (question === "metrics") return operations.metrics();
  if (question === "snapshots") return operations.takeSnapshots();
  return operations.restart(question.restart);
}
