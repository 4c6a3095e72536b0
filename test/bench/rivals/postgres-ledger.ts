/** A ledger on PostgreSQL: see postgres-ledger.sql. */
import { readFileSync } from "node:fs";
import pg from "pg";
import type { OwnerTransfer } from "./owner-transfers.ts";
import type { Account, Moved, Refused, RivalLedger, RivalTotals } from "./rival-ledger.ts";

const SCHEMA = new URL("postgres-ledger.sql", import.meta.url);
const INT8 = 20;

/** Balances and sums of this benchmark are safe integers. */
pg.types.setTypeParser(INT8, Number);

type Single = [code: string | null, id: number, debitPosted: number, creditPosted: number];
type Item = [code: string | null, id: number];

/** Named, so that each connection parses and plans the statement once. */
const SINGLE = {
  name: "single",
  text: "SELECT code, transfer_id, debit_posted, credit_posted FROM transfer($1, $2, $3)",
  rowMode: "array",
} as const;

export type PostgresOptions = Readonly<{
  connections: number;
  /** Singles are pipelined on a connection, without waiting for answers. */
  isPipelined: boolean;
  /** `null`: a batch is a call of the function for singles per item, each in its own transaction. */
  batchFunction: "transfer_batch" | "transfer_each" | null;
}>;

export class PostgresLedger implements RivalLedger {
  readonly #pool: pg.Pool;
  readonly #pipelines: readonly pg.Client[];
  readonly #batch: Readonly<{ name: string; text: string; rowMode: "array" }> | undefined;
  #turn = 0;
  #closing = false;

  constructor(socketFolder: string, { connections, isPipelined, batchFunction }: PostgresOptions) {
    const where = { host: socketFolder, user: "bench", database: "postgres" };
    this.#pool = new pg.Pool({ ...where, max: connections, idleTimeoutMillis: 0 });
    this.#pipelines = isPipelined
      ? Array.from({ length: connections }, () => new pg.Client({ ...where, pipeline: true }))
      : [];
    if (batchFunction !== null) {
      const text = `SELECT code, transfer_id FROM ${batchFunction}($1, $2, $3)`;
      this.#batch = { name: "batch", text, rowMode: "array" };
    }
    // Connections may still be open if the store ends after `close`.
    this.#pool.on("error", (failure) => {
      if (!this.#closing) throw failure;
    });
    // Queries wait for the connection, and fail if it does.
    for (const client of this.#pipelines) client.connect().catch(() => undefined);
  }

  async fill(accounts: readonly Account[]): Promise<void> {
    await this.#pool.query(readFileSync(SCHEMA, "utf8"));
    const columns = [accounts.map(({ id }) => id), accounts.map(({ posted }) => posted)];
    await this.#pool.query(
      "INSERT INTO accounts (id, posted) SELECT * FROM unnest($1::text[], $2::bigint[])",
      columns,
    );
    await this.#pool.query("VACUUM ANALYZE accounts");
  }

  async transfer({ debit_account, credit_account, amount }: OwnerTransfer): Promise<Moved | Refused> {
    const values = [debit_account, credit_account, amount];
    const { rows } = await this.#next().query<Single>({ ...SINGLE, values });
    const [code, id, debitPosted, creditPosted] = rows[0] as Single;
    return code === null ? { id: String(id), debitPosted, creditPosted } : { code };
  }

  #next(): pg.Pool | pg.Client {
    this.#turn += 1;
    return this.#pipelines[this.#turn % Math.max(1, this.#pipelines.length)] ?? this.#pool;
  }

  async transferBatch(transfers: readonly OwnerTransfer[]): ReturnType<RivalLedger["transferBatch"]> {
    if (this.#batch === undefined) return Promise.all(transfers.map((each) => this.transfer(each)));
    const debits = arrayText(transfers.map(({ debit_account }) => debit_account));
    const credits = arrayText(transfers.map(({ credit_account }) => credit_account));
    const amounts = arrayText(transfers.map(({ amount }) => amount));
    const { rows } = await this.#pool.query<Item>({ ...this.#batch, values: [debits, credits, amounts] });
    return rows.map(([code, id]) => (code === null ? { id: String(id) } : { code }));
  }

  async settle(): Promise<void> {
    await this.#pool.query("VACUUM accounts");
  }

  async totals(): Promise<RivalTotals> {
    const { rows } = await this.#pool.query<Record<"points" | "savings" | "recorded", string>>(
      `SELECT sum(posted) FILTER (WHERE id LIKE '%/points') AS points,
              sum(posted) FILTER (WHERE id LIKE '%/savings') AS savings,
              (SELECT count(*) FROM transfers) AS recorded FROM accounts`,
    );
    const { points, savings, recorded } = rows[0] ?? {};
    return { points: Number(points), savings: Number(savings), recorded: Number(recorded) };
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([this.#pool.end(), ...this.#pipelines.map((client) => client.end())]);
  }
}

/** The library would quote and copy every value; the ids were checked to need no quoting. */
function arrayText(values: readonly (string | number)[]): string {
  return `{${values.join(",")}}`;
}
