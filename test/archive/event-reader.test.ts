import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { EventPlace, EventsPage } from "../../src/archive/queries/query.ts";
import { Archive } from "../../src/archive/store.ts";
import { LogWriter } from "./ledger-writer.ts";

const RECORD_BYTES = 10_000;
const RECORDS = 300;

/** An archive with large records of one partner, each with two events. */
function largeRecords(): Archive {
  const folder = mkdtempSync(join(tmpdir(), "daybook-events-"));
  const archive = new Archive(folder, {});
  onTestFinished(() => {
    archive.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const log = new LogWriter(0);
  const posting = { partner: "acme", debit: "ann", credit: "bob", amount: 1 };
  const memo = "x".repeat(RECORD_BYTES);
  const { shard, batch } = log.batch(Array.from({ length: RECORDS }, () => log.transfer(posting, memo)));
  archive.append(shard, [batch]);
  while (archive.indexSome(100));
  return archive;
}

test("a page of events ends at 1 MiB of records, and the next one continues after it", () => {
  const archive = largeRecords();
  const query = { partner: "acme", shards: 1, keptMs: 1e15, beforeMs: Number.POSITIVE_INFINITY, limit: 500 };
  const sizes: number[] = [];
  const ids = new Set<string>();
  let after: EventPlace | null = null;
  for (let isLast = false; !isLast; ) {
    const page: Pick<EventsPage, "rows" | "last" | "isLast"> = archive.answers.events({ ...query, after });
    for (const { place, event } of page.rows) ids.add(`${place.index} ${event.type}`);
    sizes.push(page.rows.length);
    after = page.last;
    isLast = page.isLast;
  }
  expect(Math.max(...sizes) * RECORD_BYTES).toBeLessThanOrEqual(1024 * 1024);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(2 * RECORDS);
  expect(ids.size).toBe(2 * RECORDS);
});
