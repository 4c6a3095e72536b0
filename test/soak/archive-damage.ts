/** Damages a batch in the archive of a stopped server, and restores it from an earlier copy. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { run } from "../bench/child-processes.ts";
import type { Random } from "../support/random.ts";

const CLI = fileURLToPath(new URL("../../src/cli/daybook.ts", import.meta.url));
const RUN_MS_MAX = 120_000;

export class ArchiveDamage {
  readonly #folder: string;
  readonly #copy: string;
  readonly #settings: readonly string[];

  constructor({ dataDir, walUrl }: Readonly<{ dataDir: string; walUrl: string }>) {
    this.#folder = join(dataDir, "archive");
    this.#copy = join(dataDir, "..", "archive-copy");
    this.#settings = ["--data-dir", dataDir, "--wal-url", walUrl, "--json"];
  }

  /** Keeps a copy, and flips one bit of one batch. @returns its position, or `undefined` if nothing is archived yet */
  damage(random: Random): string | undefined {
    rmSync(this.#copy, { recursive: true, force: true });
    cpSync(this.#folder, this.#copy, { recursive: true });
    const database = new DatabaseSync(join(this.#folder, "archive.sqlite"));
    try {
      const { last } = database.prepare("SELECT max(id) AS last FROM batches").get() as {
        last: number | null;
      };
      if (last === null) return undefined;
      const row = database
        .prepare("SELECT id, shard, epoch, seq, body FROM batches WHERE id >= ? ORDER BY id LIMIT 1")
        .get(1 + random.below(last));
      const { id, shard, epoch, seq, body } = row as Record<"id" | "shard" | "epoch" | "seq", number> & {
        body: Uint8Array;
      };
      const at = random.below(body.length);
      body[at] = (body[at] ?? 0) ^ (1 << random.below(8));
      database.prepare("UPDATE batches SET body = ? WHERE id = ?").run(body, id);
      return `${shard}:${epoch}-${seq}`;
    } finally {
      database.close();
    }
  }

  /** @returns the batches that stay damaged. */
  async repair(): Promise<readonly string[]> {
    const args = ["archive", "repair", "--from", this.#copy, ...this.#settings];
    const env = { PATH: process.env["PATH"] };
    const text = await run(process.execPath, [CLI, ...args], { timeoutMs: RUN_MS_MAX, env });
    const { damaged } = JSON.parse(text) as { damaged: readonly { position: string }[] };
    return damaged.map(({ position }) => position);
  }
}
