/** `daybook log accept-loss` on logs that were trimmed, and with snapshots that are newer than what is kept. */
import { describe, expect, test } from "vitest";
import { openLogStream } from "../../../src/wal/open.ts";
import { compareLogIds, formatLogId } from "../../../src/wal/wal.ts";
import { LogWriter } from "../../archive/ledger-writer.ts";
import { takeSnapshots } from "../../fault/snapshots.ts";
import { makeJournal } from "../../wal/journal-contract.ts";
import { daybook } from "../cli.ts";
import { type ServedLog, STORES, type Store, testLog, writeSomething } from "../served-log.ts";
import { checkBooksOf, clientOf, transferInTurns } from "./books.ts";
import { stateOf } from "./log-state.ts";
import { archiveLoses, ended, entriesOf, loseTail, putBack } from "./lost-end.ts";
import { placeOf, trimToSnapshots, writtenAndTrimmed } from "./trimmed-log.ts";

const ACCEPT = ["log", "accept-loss", "--yes", "--discard-archived"];

/** Logs with two snapshots that are newer than these copies of them. */
async function writtenAndCopied(store: Store) {
  const first = await testLog(store);
  await writeSomething(first.client);
  await transferInTurns(first.client, 3);
  await ended(first);
  const copies = [await entriesOf(first, 0), await entriesOf(first, 1)] as const;
  const server = await first.serveAgain();
  const client = clientOf(first, server);
  for (let no = 0; no < 2; no++) {
    await transferInTurns(client, 3);
    await takeSnapshots(server);
  }
  const log = { ...first, server };
  await ended(log);
  return { log, copies };
}

async function expectServed(log: ServedLog): Promise<void> {
  const server = await log.serveAgain();
  await checkBooksOf(server, clientOf(log, server));
}

describe.each(STORES)("on %s", (store) => {
  test("all snapshots are newer than the ends of the logs: none is used, and all are removed", async () => {
    const { log, copies } = await writtenAndCopied(store);
    expect((await stateOf(log)).snapshots.map(({ length }) => length)).toEqual([2, 2]);
    for (const [shard, entries] of copies.entries()) await putBack(log, shard, entries);
    expect(await daybook(ACCEPT, log.env)).toMatchObject({ code: 0, stderr: "" });
    expect((await stateOf(log)).snapshots).toEqual([[], []]);
    await expectServed(log);
  });

  test("a log that would have to end before it begins: refused in one line, and nothing is changed", async () => {
    const { log, copies } = await writtenAndCopied(store);
    await putBack(log, 0, copies[0]);
    await trimToSnapshots(log, 1);
    const before = await stateOf(log);
    const refused = await daybook(ACCEPT, log.env);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /g1s1\S+ was trimmed, and no snapshot is as old as the end that it would get: restore the logs of all shards from one backup\n$/,
    );
    expect(await stateOf(log)).toEqual(before);
  });

  test("a log that went on after its loss: a snapshot of the lost batches is not used, although its position is lower", async () => {
    const log = await writtenAndTrimmed(store);
    const [newest, older] = await placeOf(log).kept(0);
    archiveLoses(log, 0, 8);
    await loseTail(log, 0, 8);
    const journal = makeJournal(openLogStream(log.env["WAL_URL"] ?? "", { generation: 1, shard: 0 }));
    await journal.claim();
    await journal.replay(() => undefined, older?.head);
    const writer = new LogWriter(0, Date.now());
    const { batch } = writer.batch([writer.created("another", "somebody")]);
    const { id } = await journal.append(batch.timeMs, batch.count, batch.body);
    await journal.close();
    expect(compareLogIds(newest?.head.id ?? id, id)).toBeLessThan(0);
    expect(await daybook(ACCEPT, log.env)).toMatchObject({ code: 0, stderr: "" });
    const { logs, snapshots } = await stateOf(log);
    expect(logs[0]).toContain(formatLogId(id));
    expect(snapshots[0]).toEqual([formatLogId(older?.head.id ?? id)]);
    await expectServed(log);
  });
});
