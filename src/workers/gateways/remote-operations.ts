/** The server's operations on a gateway's thread: the main thread broadcasts health and answers all other requests. */
import type { DeliveriesQuery, Delivery, Operations, ShardStatus } from "../../gateway/ports.ts";
import type { MainQuestion, ServerHealth } from "./gateway-messages.ts";
import type { Rpc } from "./rpc.ts";

export class RemoteOperations implements Operations {
  readonly #main: Rpc<MainQuestion>;
  #health: ServerHealth;

  constructor(main: Rpc<MainQuestion>, health: ServerHealth) {
    this.#main = main;
    this.#health = health;
  }

  update(health: ServerHealth): void {
    this.#health = health;
  }

  overload(): string | undefined {
    return this.#health.overload;
  }

  unready(): readonly string[] {
    return this.#health.unready;
  }

  warnings(): readonly string[] {
    return this.#health.warnings;
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

  async deliveries(query: DeliveriesQuery): Promise<readonly Delivery[]> {
    return (await this.#main.ask({ deliveries: query })) as readonly Delivery[];
  }

  async metrics(): Promise<string> {
    return (await this.#main.ask("metrics")) as string;
  }
}

/** Answers a request of a gateway's thread on the main thread. */
export function answerQuestion(operations: Operations, question: MainQuestion): unknown {
  if (question === "shards") return operations.shards();
  if (question === "metrics") return operations.metrics();
  if (question === "snapshots") return operations.takeSnapshots();
  if ("deliveries" in question) return operations.deliveries(question.deliveries);
  return operations.restart(question.restart);
}
