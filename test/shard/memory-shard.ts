/** One shard on a log in memory, with its gateway, in this thread: everything but the carrier. */

import { readRecords } from "../../src/actors/codec.ts";
import type { Command, CreateAccount, LogRecord, Transfer } from "../../src/actors/command.ts";
import { homeVnodeOf } from "../../src/actors/routing.ts";
import type { ArchivedRecord, ArchiveQueries, Location } from "../../src/archive/query.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { ShardLink } from "../../src/gateway/shard-link.ts";
import type { ShardExit } from "../../src/shard/messages.ts";
import { ShardHost } from "../../src/shard/shard-host.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import type { MemoryStore } from "../../src/wal/memory.ts";

export type MemoryShard = Readonly<{
  host: ShardHost;
  link: ShardLink;
  gateway: Gateway;
  exited: Promise<ShardExit>;
}>;

/** Long beside anything that a log in memory does, short beside a test's patience. */
const APPEND_DEADLINE_MS = 500;

/** Claims and replays `store` as `instance`, and serves. */
export async function startShard(store: MemoryStore, instance = "one", now = Date.now): Promise<MemoryShard> {
  const link = new ShardLink(0, () => {});
  const gateway = new Gateway();
  const claimant = { instance, generation: 1, shard: 0, shards: 1 };
  const stream = store.open();
  const deadlineMs = APPEND_DEADLINE_MS;
  const journal = new StreamJournal({ stream, claimant, witnesses: [], mayCreate: true, deadlineMs });
  gateway.connect([link], archiveOf(journal), () => undefined);
  const ready = Promise.withResolvers<void>();
  const host = new ShardHost({
    shard: 0,
    journal,
    now,
    threadId: 0,
    failpoints: [],
    onDurable: () => {},
    warnings: () => [],
    post: (message) => {
      if (message instanceof Uint8Array) link.receive(message);
      else if (message.type === "claimed") host.control({ type: "proceed" });
      else if (message.type === "ready") {
        link.attach((bytes) => host.receive(bytes));
        ready.resolve();
      }
    },
  });
  const exited = host.run().then((exit) => {
    link.detach();
    ready.reject(new Error(exit.message));
    return exit;
  });
  await ready.promise;
  return { host, link, gateway, exited };
}

/** What the archive would answer about records, straight from the log. */
function archiveOf(journal: StreamJournal): ArchiveQueries {
  const records = async (at: readonly Location[]): Promise<readonly ArchivedRecord[]> => {
    const batches = await journal.read(undefined, 1 << 30);
    return at.map((place) => {
      const batch = batches.find(({ id }) => id.epoch === place.epoch && id.seq === place.seq);
      const found: LogRecord[] = [];
      if (batch) readRecords(batch.body, (command, outcome) => found.push({ command, outcome }));
      const record = found[place.index];
      if (batch === undefined || record === undefined) throw new Error("no such record");
      return { at: place, timeMs: batch.timeMs, record };
    });
  };
  return { records } as ArchiveQueries;
}

const unkeyed = { partner: "acme", key: null, fingerprint: 0 } as const;

export function account(id: string, floor: number | null = 0): CreateAccount {
  return { ...unkeyed, op: "create_account", id, asset: "PTS/0", floor, ceiling: null, metadata: null };
}

export function transfer(debit: string, credit: string, amount: number, key: string | null = null): Transfer {
  const vnode = homeVnodeOf("acme", debit, credit, key);
  const fingerprint = key === null ? 0 : amount;
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  return { ...unkeyed, key, fingerprint, op: "transfer", debit, credit, amount, ...rest };
}

/** Whether a promise has settled by the time that everything else at hand is done. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => {
    pending = false;
  };
  promise.then(settled, settled);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

export async function mustPost(gateway: Gateway, command: Command): Promise<void> {
  const answer = await gateway.submit(command);
  if (!("outcome" in answer && answer.outcome.ok)) throw new Error(JSON.stringify(answer));
}
