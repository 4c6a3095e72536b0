/** The blocks of docs/BENCHMARKS.md: the figures that they show, and the goals. */
import { spread } from "./figures.ts";
import {
  at,
  batch,
  batchCpu,
  batches,
  comparisons,
  idle,
  openLoop,
  singles,
  type Table,
  values,
} from "./tables.ts";

export type Block = Readonly<{ name: string; tables: readonly Table[] }>;

/** What machines are compared by, and the result of `--short`. */
export const SHORT: Block = {
  name: "short",
  tables: [
    {
      titles: ["", "value", "goal"],
      rows: [
        ["durable transfers/s, 64 connections", spread("single.redis.plain.64.daybook"), ""],
        ["durable transfers/s, 256 connections", spread("single.redis.plain.256.daybook"), ""],
        ["– divided by those of a bare Hono echo", spread("single.redis.plain.256.ratio"), "≥ 0.7"],
        [
          "items/s in JSON batches of 1000, 32 connections",
          spread(batch("redis", "json", 1000, 32)),
          "≥ 400,000",
        ],
        ["open loop at half of the peak: transfers/s", spread("open.offered"), ""],
        ["– p99.9 in ms", spread("open.p99_9"), ""],
        ["one hot account ÷ all accounts, 64 connections", spread("hot.64.ratio"), "≥ 0.9"],
        ["replay: commands/s per shard", spread("replay.redis"), "≥ 500,000"],
      ],
    },
  ],
};

export const BLOCKS: readonly Block[] = [
  SHORT,
  {
    name: "ceilings",
    tables: [
      {
        titles: ["requests/s", "64 connections", "256 connections"],
        rows: [
          ["bare `node:http`, JSON echo", spread("ceiling.64.http"), spread("ceiling.256.http")],
          ["bare Hono, JSON echo", spread("ceiling.64.hono"), spread("ceiling.256.hono")],
        ],
      },
    ],
  },
  { name: "singles", tables: [singles()] },
  { name: "batches", tables: [batches(), batchCpu()] },
  { name: "open", tables: [openLoop()] },
  {
    name: "reads",
    tables: [
      comparisons([
        [
          "an account ÷ a bare Hono GET of the same size, 64 connections",
          "reads.account.64",
          "daybook",
          "echo",
          "≥ 0.8",
        ],
      ]),
      values([
        ["a page of 50 entries out of 3 M transfers, p50 ms", "reads.page.p50", "≤ 2"],
        ["the same, p99 ms", "reads.page.p99", ""],
      ]),
    ],
  },
  {
    name: "shapes",
    tables: [
      comparisons([
        ...at("one hot account ÷ all accounts", "hot", "hot", "spread", "≥ 0.9"),
        ...at("across two shards ÷ within one", "across", "across", "within", "≥ 0.4, p99 ≤ 2"),
        ["processes ÷ threads, 256 connections", "processes.256", "processes", "threads", "≥ 0.8"],
        ["a hold ÷ a plain transfer, 256 connections", "pending.256", "pending", "plain", ""],
        ["four postings on one shard ÷ one, 256 connections", "postings.256", "postings", "plain", ""],
        ["two debits on two shards ÷ one posting, 256 connections", "debits.256", "debits", "plain", ""],
      ]),
    ],
  },
  {
    name: "programmes",
    tables: [
      comparisons([
        ...at("an accrual ÷ a plain transfer", "accrual", "accrual", "plain", "≥ 0.9"),
        ...at("a redemption ÷ a plain transfer", "redemption", "redemption", "plain", "≥ 0.9"),
        ...at("a sale ÷ a plain transfer", "sale", "sale", "plain", "≥ 0.9"),
        [
          "a sale that the operator completes ÷ one at once, 64 connections",
          "operator_sale.64",
          "operator",
          "immediate",
          "≥ 0.45",
        ],
      ]),
      values([
        ["the deletion of a segment with 200,000 users is answered, ms", "segment-deletion.answered", "≤ 50"],
        [
          "the next reads, of the segment and of one of its users, together, ms",
          "segment-deletion.next-read",
          "",
        ],
        ["p99 of 1,000 transfers/s without a deletion, ms", "segment-deletion.p99.alone", ""],
        ["p99 of 1,000 transfers/s during a deletion, ms", "segment-deletion.p99.beside", ""],
      ]),
    ],
  },
  {
    name: "readers",
    tables: [
      comparisons([
        ["an open console ÷ none, 64 connections", "console.single.64", "open", "closed", "≥ 0.97"],
        [
          "a reader of events ÷ none, 64 connections",
          "events.reader.single.64",
          "with_reader",
          "alone",
          "≥ 0.95",
        ],
        [
          "the same, batches of 1000, 8 connections",
          "events.reader.batch.8",
          "with_reader",
          "alone",
          "≥ 0.9",
        ],
        ["the statistics service ÷ none, 64 connections", "statistics.single.64", "followed", "alone", ""],
      ]),
      values([["the overview of the console is there, ms", "console.first_view", "≤ 300"]]),
    ],
  },
  {
    name: "postgres",
    tables: [
      comparisons([
        ...at("singles, `postgres.single`", "postgres.single", "daybook", "rival", "≥ 4"),
        [
          "batches, a transaction for each item, `postgres.each.batch`",
          "postgres.each.batch.32",
          "daybook",
          "rival",
          "≥ 20",
        ],
        ["batches, item by item, `postgres.loop.batch`", "postgres.loop.batch.32", "daybook", "rival", ""],
        ["batches, one statement, `postgres.batch`", "postgres.batch.32", "daybook", "rival", ""],
      ]),
    ],
  },
  {
    name: "redis-lua",
    tables: [
      comparisons([
        ["singles, 256 connections, `redis-lua.single`", "redis-lua.single.256", "daybook", "rival", ""],
        ["batches, `redis-lua.batch`", "redis-lua.batch.32", "daybook", "rival", ""],
      ]),
    ],
  },
  {
    name: "replay",
    tables: [
      values([
        ["replay, Redis: commands/s per shard", "replay.redis", "≥ 500,000"],
        ["replay, sqlite: commands/s per shard", "replay.sqlite", ""],
        ["heap per idle account, in one process, bytes", "heap.account", "≤ 400"],
        ["heap per idle account, as the shard of a server reports it, bytes", "heap.server_account", ""],
        ["memory per remembered idempotency key, bytes", "keys.bytes", ""],
        ["archive: storing alone, transfers/s", "archive.store", ""],
        ["archive: storing and indexing, transfers/s", "archive.store_and_index", ""],
        ["archive: CPU per transfer, stored and indexed, µs", "archive.store_and_index_cpu", ""],
        ["archive: bytes on disk per transfer, index included", "archive.bytes", ""],
        ["archive: one transfer, p50 ms", "archive.transfer_p50", ""],
        ["archive: the sum of an account, p50 ms", "archive.sum_p50", ""],
        ["events: a partner's feed beside 1 M transfers of another, ms", "events.small_partner", "≤ 50"],
      ]),
    ],
  },
  {
    name: "idle",
    tables: [
      {
        titles: ["", "after 1 M accounts were opened", "after a restart", "goal"],
        rows: [
          ["resident memory of the server, MB", ...idle("memory"), "≤ 900"],
          ["CPU of the server, ms per second", ...idle("cpu"), ""],
          ["CPU of Redis, ms per second", ...idle("redis_cpu"), ""],
          ["commands/s to Redis", ...idle("redis_commands"), ""],
        ],
      },
    ],
  },
  {
    name: "recovery",
    tables: [
      values([
        ["start after kill -9, to the first answer, s", "recovery.plain.start", "≤ 10"],
        ["– loading the snapshot of a million accounts, s", "recovery.plain.start_snapshot", ""],
        ["– replaying 100,000 records, s", "recovery.plain.start_replay", ""],
        ["taking that snapshot on a mostly idle machine, s", "recovery.plain.snapshot_taken", ""],
        ["its size, MB", "recovery.plain.snapshot", ""],
        ["p99 of appends during a snapshot ÷ without", "recovery.plain.append_p99_while_taken", "≤ 2"],
        ["peak memory of Redis, MB", "recovery.plain.redis_most", ""],
        ["memory of Redis at rest, with two snapshots, MB", "recovery.plain.redis_at_rest", ""],
        ["heap of the shards, MB", "recovery.plain.heap", ""],
        ["resident memory of the server, MB", "recovery.plain.server_memory", ""],
      ]),
    ],
  },
];
