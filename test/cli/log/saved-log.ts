/** The log and the DATA_DIR of a stopped server, to go back to. */
import { cpSync, rmSync } from "node:fs";
import { testFolder } from "../../support/server.ts";
import type { ServedLog } from "../served-log.ts";

type Key = Readonly<{ name: string; dump: Buffer }>;

export class SavedLog {
  readonly #log: ServedLog;
  readonly #copy = testFolder();
  readonly #keys: readonly Key[];

  private constructor(log: ServedLog, keys: readonly Key[]) {
    this.#log = log;
    this.#keys = keys;
    cpSync(log.dataDir, this.#copy, { recursive: true });
  }

  static async save(log: ServedLog): Promise<SavedLog> {
    const client = log.redis?.client();
    const keys: Key[] = [];
    for (const name of (await client?.keys("*")) ?? [])
      keys.push({ name, dump: (await client?.dumpBuffer(name)) as Buffer });
    return new SavedLog(log, keys);
  }

  async restore(): Promise<void> {
    const { dataDir, redis } = this.#log;
    rmSync(dataDir, { recursive: true, force: true });
    cpSync(this.#copy, dataDir, { recursive: true });
    const client = redis?.client();
    await client?.flushall();
    for (const { name, dump } of this.#keys) await client?.restore(name, 0, dump);
    client?.disconnect();
  }
}
