import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { SqliteStatistics } from "../../src/statistics/sqlite-store.ts";
import { describeStore } from "./store-contract.ts";

describeStore(async () => {
  const folder = mkdtempSync(join(tmpdir(), "daybook-statistics-"));
  const store = new SqliteStatistics(folder);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const rows = async (table: string) => {
    const database = new DatabaseSync(join(folder, "statistics", "statistics.sqlite"), { readOnly: true });
    try {
      return database.prepare(`SELECT * FROM ${table}`).all();
    } finally {
      database.close();
    }
  };
  return { store, rows };
});
