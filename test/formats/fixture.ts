/** A log and its snapshots as files: made once for each version of a format, and read by every later program. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ledger } from "../../src/actors/ledger/ledger.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import { parseLogId } from "../../src/wal/wal.ts";

/** What a log must come to, with all that it holds. */
export type Expected = Readonly<{ lines: string; keys: number; accounts: Readonly<Record<string, number>> }>;

export type Fixture = Readonly<{
  shards: number;
  /** By shard. */
  logs: readonly MemoryStore[];
  snapshots: readonly MemorySnapshotStore[];
  expected: readonly Expected[];
  /** Ops, and acts of programmes, of which the logs have an example. */
  kinds: readonly string[];
}>;

/** A line of `log.jsonl`, as `daybook wal export` writes it, without what can be read from the frame. */
type LogLine = Readonly<{ shard: number; id: string; frame: string }>;
/** A line of `snapshots.jsonl`. */
export type SnapshotLine = Readonly<{ shard: number; slot: number; chunk: string }>;

export function readFixture(version: string): Fixture {
  const folder = join(import.meta.dirname, version);
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const expected = read("expected.json") as readonly Expected[];
  const kinds = read("kinds.json") as readonly string[];
  const logs = expected.map((_, shard) => new MemoryStore(`${version}:{g1s${shard}}`));
  const snapshots = expected.map((_, shard) => new MemorySnapshotStore(`${version}:{g1s${shard}}:snapshot`));
  for (const { shard, id, frame } of linesOf(folder, "log.jsonl") as readonly LogLine[])
    logs[shard]?.store(parseLogId(id), Buffer.from(frame, "base64"), true);
  for (const { shard, slot, chunk } of linesOf(folder, "snapshots.jsonl") as readonly SnapshotLine[])
    ((snapshots[shard] as MemorySnapshotStore).slots[slot] ??= []).push(Buffer.from(chunk, "base64"));
  return { shards: expected.length, logs, snapshots, expected, kinds };
}

/**
 * A digest of the whole state, and balances for people to compare. Keys are known by a secret seed: they are counted. Whose
 * they are does not stand in older snapshots, and the first versions did not count what partners keep.
 */
export function summaryOf(ledger: Ledger): Expected {
  const lines = [
    ...[...ledger.stateLines(0)].filter((line) => !/^\["(key|usage|claim|claims_forgotten)"/.test(line)),
    ...claimLines(ledger),
  ].toSorted();
  const accounts = [...ledger.state.books].flatMap(([partner, book]) =>
    [...book.accounts.values()].map(({ id, posted }) => [`${partner} ${id}`, posted] as const),
  );
  return {
    lines: createHash("sha256").update(lines.join("\n")).digest("hex"),
    keys: [...ledger.keys.entries(0)].length,
    accounts: Object.fromEntries(accounts.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/**
 * Names that are taken, as the first versions told of them: of each only who has taken it. Older snapshots do not say where
 * its record stands, so that a state from one of them has other places than one from the whole log.
 */
function claimLines({ state: { claims } }: Ledger): readonly string[] {
  const lines: unknown[] = [];
  const sellers = new Map<string, string[]>();
  for (const [name, { by }] of claims.all()) {
    const [kind, ...parts] = name.split("\0");
    if (kind === "revert") lines.push(["reverted", parts[0], by]);
    else if (kind === "deposit") lines.push(["programme", "wallet", ["reference", ...parts]]);
    else {
      const [partner = "", subject = "", reference = ""] = parts;
      const item = JSON.stringify([partner, subject.slice("credit:".length)]);
      sellers.set(item, [...(sellers.get(item) ?? []), reference]);
    }
  }
  for (const [item, references] of sellers) {
    const [partner, seller] = JSON.parse(item) as readonly string[];
    lines.push(["programme", "topup", ["references", partner, seller, references]]);
  }
  return lines.map((line) => JSON.stringify(line));
}

function linesOf(folder: string, file: string): readonly unknown[] {
  return readFileSync(join(folder, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

/** A ledger that notes what kinds of records it applies: ops, and acts of programmes. */
export function noting(ledger: Ledger, kinds: Set<string>): Ledger {
  const apply = ledger.apply.bind(ledger);
  ledger.apply = (command, ...rest) => {
    kinds.add(command.op);
    if ("act" in command && command.act !== undefined)
      kinds.add(`${command.act.programme}.${command.act.act}`);
    apply(command, ...rest);
  };
  return ledger;
}
