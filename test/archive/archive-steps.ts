/** Steps of the archive's property test: shards log records; the archive stores, flushes and reopens. */
import fc from "fast-check";
import type { Credit, LogRecord } from "../../src/actors/records/command.ts";
import type { Posting as CompoundPosting } from "../../src/actors/records/compound-command.ts";
import type { CompoundWriter } from "./compound-writer.ts";
import type { LogWriter, Posting } from "./ledger-writer.ts";

export const PARTNERS = ["acme", "zen"] as const;
export const ACCOUNTS = ["alice", "alice/points", "bob", "carol", "@issuance", "@bank"] as const;
export const SHARDS = 3;

const account = fc.constantFrom(...ACCOUNTS);
const legs = fc.record({
  debit: account,
  credit: account,
  amount: fc.integer({ min: 1, max: 1_000 }),
  /** Shards of its accounts, relative to the deciding shard. */
  debitAt: fc.nat(SHARDS - 1),
  creditAt: fc.nat(SHARDS - 1),
});
const item = fc.record({
  kind: fc.constantFrom(
    ...(["transfer", "transfer", "transfer", "sent", "sent", "received", "received", "delivered"] as const),
    ...(["refused", "created", "changed", "compound", "compound", "compound", "compound", "post"] as const),
    ...(["post", "void", "expire", "revert", "job", "job", "job", "job", "job"] as const),
  ),
  partner: fc.constantFrom(...PARTNERS),
  debit: account,
  credit: account,
  amount: fc.integer({ min: 1, max: 1_000 }),
  /** The other shard that a transfer goes to. */
  to: fc.nat(SHARDS - 2),
  more: fc.array(legs, { maxLength: 3 }),
  creditAt: fc.nat(SHARDS - 1),
  pending: fc.boolean(),
  fails: fc.nat(4).map((n) => n === 0),
  /** Selects one of the pending, or posted, transfers. */
  which: fc.nat(9),
});
export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      shard: fc.nat(SHARDS - 1),
      waitMs: fc.nat(3),
      restart: fc.boolean(),
      /** Archived with the shard's next batch. Shards are fed independently, so a credit may be archived first. */
      held: fc.boolean(),
      items: fc.array(item, { minLength: 1, maxLength: 8, size: "max" }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("index" as const), records: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), flushed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("repeat" as const) }) },
);

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

/** Ordinary accounts belong to the shard of their owner. */
export function ownedBy(id: string, shard: number): string {
  if (id.startsWith("@")) return id;
  const [owner, ...rest] = id.split("/");
  return [`${owner}-${shard}`, ...rest].join("/");
}

/** An account of a shard. System accounts are on every shard and need no cross-shard transfer. */
function personOf(id: string, shard: number): string {
  return ownedBy(id.startsWith("@") ? "alice" : id, shard);
}

/** Messages in flight, by receiving shard. */
type UnderWay = readonly Credit[][];

export type World = Readonly<{ underWay: UnderWay; compound: CompoundWriter }>;

export function recordOf(log: LogWriter, world: World, item: Item): LogRecord {
  const { kind, partner, debit, credit, amount } = item;
  const { underWay, compound } = world;
  const owned = (id: string) => ownedBy(id, log.shard);
  const posting = { partner, debit: owned(debit), credit: owned(credit), amount };
  switch (kind) {
    case "created":
      return log.created(partner, posting.debit.replace("@", "x"));
    case "changed":
      return log.changed(partner, personOf(debit, log.shard), amount);
    case "sent": {
      const to = (log.shard + 1 + item.to) % SHARDS;
      const across = { ...posting, debit: personOf(debit, log.shard), credit: personOf(credit, to) };
      const sent = log.sent(across, to);
      underWay[to]?.push(sent.credit);
      return sent.record;
    }
    case "received": {
      const message = underWay[log.shard]?.shift();
      return message === undefined ? plainRecordOf(log, posting) : log.credited(message);
    }
    case "delivered":
      return log.delivered((log.shard + 1) % SHARDS, amount);
    case "refused":
      return log.refused(posting);
    case "transfer":
      return plainRecordOf(log, posting);
    default: {
      const record = kind === "job" ? undefined : compoundRecordOf(log, compound, item);
      return record ?? compound.next(log.shard) ?? plainRecordOf(log, posting);
    }
  }
}

function plainRecordOf(log: LogWriter, posting: Posting): LogRecord {
  return posting.debit === posting.credit ? log.refused(posting) : log.transfer(posting);
}

/** Sends no message to other shards. */
function isOfSlices({ debit, credit }: CompoundPosting): boolean {
  return debit.startsWith("@") && credit.startsWith("@");
}

/** The first posting is on this shard, the others are between any shards. */
function postingsOf(
  { debit, credit, amount, creditAt, more }: Item,
  shard: number,
): readonly CompoundPosting[] {
  const at = (offset: number) => (shard + offset) % SHARDS;
  const first = debit.startsWith("@")
    ? { debit, credit: personOf(credit, shard), amount }
    : { debit: ownedBy(debit, shard), credit: ownedBy(credit, at(creditAt)), amount };
  if (first.debit === first.credit) return [];
  const others = more.map((each) => ({
    debit: ownedBy(each.debit, at(each.debitAt)),
    credit: ownedBy(each.credit, at(each.creditAt)),
    amount: each.amount,
  }));
  return [first, ...others.filter((each) => each.debit !== each.credit && !isOfSlices(each))];
}

function compoundRecordOf(log: LogWriter, compound: CompoundWriter, item: Item): LogRecord | undefined {
  const { kind, partner, amount, pending, fails, which } = item;
  const open = compound.open.filter(({ home }) => home === log.shard);
  const chosen = open[which % open.length];
  switch (kind) {
    case "compound": {
      const postings = postingsOf(item, log.shard);
      return postings.length === 0 ? undefined : compound.transfer(partner, postings, { pending, fails });
    }
    case "post":
      return chosen && compound.post(chosen, amount, fails);
    case "void":
    case "expire":
      return chosen && compound.end(chosen, `${kind}_transfer`);
    default: {
      const posted = compound.posted.splice(which % Math.max(1, compound.posted.length), 1)[0];
      if (posted === undefined) return undefined;
      const back = posted.view.postings.toReversed();
      const postings = back.map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount }));
      compound.revert(log.shard, posted.partner, postings, posted.view.id);
      return compound.next(log.shard);
    }
  }
}
