/** The feed of events in the archive: its order is final, and a place is enough to continue. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { EventPlace, EventsPage, EventsQuery } from "../../src/archive/queries/query.ts";
import { Archive } from "../../src/archive/store.ts";
import { LogWriter } from "./ledger-writer.ts";

const ALL: EventsQuery = {
  partner: "acme",
  shards: 2,
  after: null,
  keptMs: 60_000,
  beforeMs: Number.POSITIVE_INFINITY,
  limit: 100,
};
const posting = { partner: "acme", debit: "@in", amount: 1 };

/** An archive of two shards. `log(shard, atMs, accounts)` stores a batch with a transfer to each account. */
function opened() {
  const folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
  const archive = new Archive(folder);
  onTestFinished(() => {
    archive.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const writers = [0, 1].map((shard) => new LogWriter(shard, 0));
  const log = (shard: number, atMs: number, ...accounts: readonly string[]) => {
    const writer = writers[shard] as LogWriter;
    writer.reach(atMs);
    const records = accounts.map((credit) => writer.transfer({ ...posting, credit }));
    archive.append(shard, [writer.batch(records).batch]);
    while (archive.indexSome(100));
  };
  const read = (query: Partial<EventsQuery> = {}) => archive.answers.events({ ...ALL, ...query });
  return { log, read };
}

const subjectsOf = ({ rows }: Pick<EventsPage, "rows">) => rows.map(({ event }) => event.subject);

test("an event is shown only once every other shard has logged something later", () => {
  const { log, read } = opened();
  log(1, 90, "a");
  log(0, 100, "b");
  const first = read();
  expect(subjectsOf(first)).toEqual(["a"]);
  expect(first.waitsFor).toEqual({ afterMs: 100, shards: [0, 1] });
  // What comes later in the archive, but earlier in log time, has its place before.
  log(1, 95, "c");
  expect(subjectsOf(read())).toEqual(["a", "c"]);
  log(1, 100, "d");
  expect(subjectsOf(read())).toEqual(["a", "c"]);
  log(1, 101, "e");
  expect(subjectsOf(read())).toEqual(["a", "c", "b"]);
  log(0, 102, "f");
  expect(subjectsOf(read())).toEqual(["a", "c", "b", "d", "e"]);
});

test("pages of any size continue after the last place, also within a batch", () => {
  const { log, read } = opened();
  log(0, 10, "a", "b", "c");
  log(1, 20, "d", "e");
  log(0, 30, "f", "g");
  log(1, 40, "h");
  const all = subjectsOf(read());
  expect(all).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
  for (const limit of [1, 2, 3]) {
    const found: string[] = [];
    for (let after: EventPlace | null = null; ; ) {
      const page: EventsPage = read({ limit, after });
      found.push(...subjectsOf(page));
      if (page.isLast) break;
      after = page.last;
    }
    expect(found).toEqual(all);
  }
});

test("the events of one account are found by its own records, and continue after any of them", () => {
  const { log, read } = opened();
  for (let i = 0; i < 100; i++) log(i % 2, 10 * i, "other", "own", "other");
  const of = { account: "own", programme: "wallet", subjects: ["own"] };
  const found: string[] = [];
  let pages = 0;
  for (let after: EventPlace | null = null; ; pages++) {
    const page: EventsPage = read({ of, after, limit: 10 });
    found.push(...subjectsOf(page));
    if (page.isLast) break;
    after = page.last;
  }
  expect(found).toEqual(Array.from({ length: 99 }, () => "own"));
  expect(pages).toBe(9);
});

test("after a place that is not kept any more, the page begins with the oldest event that is", () => {
  const { log, read } = opened();
  log(0, 10, "a");
  log(1, 20, "b");
  const { last } = read();
  log(0, 70_000, "c");
  log(1, 80_000, "d");
  log(0, 90_000, "e");
  const page = read({ after: last });
  expect(page.isExpired).toBe(true);
  expect(subjectsOf(page)).toEqual(["c", "d"]);
});
