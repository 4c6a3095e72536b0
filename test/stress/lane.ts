/** One caller: it retries under the same key until it knows the outcome. */
import { type Address, Connection, type Reply } from "./connection.ts";
import { type Answer, answerOfCode, isDecision, nowMs, type Operation, type Wish } from "./operation.ts";

/** Avoids a busy loop while no server answers. */
const PAUSE_MS = 20;
/** Longer than any shard may take to restart. */
const SETTLE_MS_MAX = 30_000;

/** Share of requests that are sent twice under one key: concurrently, or after the answer. */
export type Repeat = "never" | "meanwhile" | "afterwards";

export class Lane {
  readonly #first: Connection;
  /** A second connection, for requests that are sent twice at the same time. */
  readonly #second: Connection;

  constructor(address: Address) {
    this.#first = new Connection(address);
    this.#second = new Connection(address);
  }

  /** Resolves when every request has its answer, or has timed out. */
  async perform(operations: readonly Operation[], repeat: Repeat): Promise<void> {
    const meanwhile = repeat === "meanwhile" ? this.#settle(this.#second, operations) : undefined;
    await this.#settle(this.#first, operations);
    await meanwhile;
    if (repeat === "afterwards") await this.#settle(this.#first, operations);
  }

  close(): void {
    this.#first.close();
    this.#second.close();
  }

  async #settle(connection: Connection, operations: readonly Operation[]): Promise<void> {
    const endMs = performance.now() + SETTLE_MS_MAX;
    let open = operations;
    for (;;) {
      open = await send(connection, open);
      if (open.length === 0 || performance.now() > endMs) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Sends these together, records the answers, and returns those to retry. */
async function send(connection: Connection, operations: readonly Operation[]): Promise<readonly Operation[]> {
  const askedMs = nowMs();
  const answers = await answersTo(connection, operations);
  const answeredMs = nowMs();
  return operations.filter((operation, place) => {
    const answer = answers[place] ?? { is: "unknown", why: "fewer results than items" };
    operation.sendings.push({ askedMs, answeredMs, answer });
    return !isDecision(answer);
  });
}

async function answersTo(
  connection: Connection,
  operations: readonly Operation[],
): Promise<readonly Answer[]> {
  const [single] = operations;
  try {
    if (single !== undefined && !single.inBatch) {
      const reply = await connection.post("/v1/transfers", JSON.stringify(bodyOf(single)), single.key);
      return [answerOf(reply)];
    }
    const transfers = operations.map((item) => ({ ...bodyOf(item), idempotency_key: item.key }));
    const reply = await connection.post("/v1/transfers/batch", JSON.stringify({ transfers }));
    return reply.status === 200 ? answersOf(reply) : operations.map(() => answerOf(reply));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return operations.map(() => ({ is: "unknown", why }));
  }
}

/** The memo contains the key, so that the log can be checked without any answer. */
function bodyOf({ key, debit, credit, amount }: Wish): object {
  return { debit_account: debit, credit_account: credit, amount, memo: key };
}

function answerOf({ status, replayed, body }: Reply): Answer {
  const { id, code } = JSON.parse(body) as { id: string; code: string };
  return status === 201 ? { is: "accepted", id, replayed } : answerOfCode(code, replayed);
}

/** A batch answer does not say which of its items were replays. */
function answersOf({ body }: Reply): readonly Answer[] {
  const { results } = JSON.parse(body) as {
    results: readonly { status: number; id: string; code: string }[];
  };
  return results.map(({ status, id, code }) =>
    status === 201 ? { is: "accepted", id, replayed: false } : answerOfCode(code, false),
  );
}
