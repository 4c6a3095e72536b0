/** What the home shard's record of a transfer says about the legs on another shard. */
import { expect, test } from "vitest";
import {
  decideVoidOrExpiry,
  movesElsewhere,
  NOT_OPEN,
  plan,
} from "../../../../src/actors/ledger/transfers/compound.ts";
import type { Posting } from "../../../../src/actors/records/compound-command.ts";
import {
  keyless,
  LedgerShard,
  legsOn,
  NOW_MS,
  ownersOn,
  posting,
  postOf,
  transferOf,
  vnodeOf,
} from "../ledger-shard.ts";

const [HOME = ""] = ownersOn(0);
const [AWAY = "", OTHER = ""] = ownersOn(1);

function shards(): readonly [home: LedgerShard, away: LedgerShard] {
  const [home, away] = [new LedgerShard(0), new LedgerShard(1)];
  home.open(HOME);
  for (const id of [AWAY, OTHER]) away.open(id);
  return [home, away];
}

/** The move of a leg on the other shard, which comes from that shard's report. */
function move(
  index: number,
  account: string,
  beside: string,
  balance: readonly [number, number, number, number],
) {
  const [amount, posted, held, seq] = balance;
  return { posting: index, account, asset: "PTS/0", vnode: vnodeOf(beside), amount, posted, held, seq };
}

const MIXED = [posting(AWAY, HOME, 6), posting(HOME, AWAY, 3), posting("@x", AWAY, 1)];

test("the moves elsewhere are those of all legs there, or of a hold's debits", () => {
  const [home, away] = shards();
  for (const [pending, moves] of [
    [
      false,
      [
        move(0, AWAY, AWAY, [-6, 94, 0, 2]),
        move(1, AWAY, AWAY, [3, 97, 0, 3]),
        move(2, "@x", AWAY, [-1, -1, 0, 1]),
        move(2, AWAY, AWAY, [1, 98, 0, 4]),
      ],
    ],
    [true, [move(0, AWAY, AWAY, [0, 100, 6, 1]), move(2, "@x", AWAY, [0, 0, 1, 0])]],
  ] as const) {
    const { compound } = home.ledger;
    const planned = plan(compound, transferOf(MIXED, { pending, vnode: vnodeOf(HOME) }));
    if (planned === NOT_OPEN || !planned.ok) throw new Error("the transfer has no plan");
    const reports = new Map([[1, away.reports(legsOn(1, MIXED), planned.purpose)]]);
    expect(movesElsewhere(compound, planned, reports)).toEqual(moves);
  }
});

test("a post sends its legs, and a hold sends nothing but says what is held elsewhere", () => {
  const [home, away] = shards();
  const posted = home.decide(transferOf(MIXED, { vnode: vnodeOf(HOME) }), away);
  expect(posted).toMatchObject({ elsewhere: [], reservedAt: [], holds: [] });
  const legs = legsOn(1, MIXED).map((leg) => ({ ...leg, asset: "PTS/0" }));
  expect(posted).toMatchObject({ sent: [{ to: 1, no: 1, purpose: "post", legs }] });
  const held = home.decide(transferOf(MIXED, { pending: true, vnode: vnodeOf(HOME) }), away);
  expect(held).toMatchObject({
    sent: [],
    reservedAt: [1],
    holds: [],
    elsewhere: [move(0, AWAY, AWAY, [0, 100, 6, 1]), move(2, "@x", AWAY, [0, 0, 1, 0])],
  });
});

test.each<readonly [string, readonly Posting[], reservedAt: readonly number[]]>([
  ["an account", [posting(AWAY, HOME, 5)], [1]],
  ["a system account", [posting("@x", AWAY, 5)], [1]],
  ["nothing", [posting(HOME, AWAY, 5)], []],
])("a hold that debits %s on the other shard is reserved at %o", (_, postings, reservedAt) => {
  const [home, away] = shards();
  const outcome = home.transfer(transferOf(postings, { pending: true, vnode: vnodeOf(HOME) }), away);
  expect(outcome).toMatchObject({ ok: true, reservedAt });
  const end = { op: "void_transfer", ...keyless, id: "tr_1", settled: null } as const;
  const sent = reservedAt.map((to) => ({ to, no: 1, purpose: "capture", legs: [] }));
  expect(decideVoidOrExpiry(home.ledger.compound, end, NOW_MS)).toMatchObject({ ok: true, sent });
});

test("a transfer without a leg on its home shard is held, posted and counted there like any other", () => {
  const [home, away] = shards();
  const postings = [posting(AWAY, OTHER, 5)];
  const outcome = home.transfer(transferOf(postings, { pending: true, vnode: vnodeOf(HOME) }), away);
  expect(outcome).toMatchObject({ ok: true, moves: [], holds: [], reservedAt: [1] });
  away.reserve("tr_1", postings, "hold");
  const post = home.transfer(postOf(), away);
  const legs = legsOn(1, postings).map((leg) => ({ ...leg, asset: "PTS/0" }));
  expect(post).toMatchObject({ ok: true, moves: [], sent: [{ to: 1, no: 1, purpose: "capture", legs }] });
  away.receive(home.ledger.exchange(1).message(1) as never);
  expect([away.balance(AWAY), away.balance(OTHER)]).toEqual([
    [95, 0, 0],
    [105, 0, 0],
  ]);
});

test("what crosses to another shard is counted on both, as sent and as received", () => {
  const [home, away] = shards();
  home.transfer(transferOf([posting(HOME, AWAY, 7), posting(OTHER, HOME, 2)]), away);
  away.receive(home.ledger.exchange(1).message(1) as never);
  const sums = [home, away].map(({ ledger }) => ledger.sums("p").get("PTS/0"));
  expect(sums).toEqual([
    { sum: 95n, accounts: 1, sent: 5n, received: 0n },
    { sum: 205n, accounts: 2, sent: 0n, received: 5n },
  ]);
});

test("credits from another shard are counted against limits there, unless they are of a revert", () => {
  const limits = [{ windowS: 60, direction: "credit", maxAmount: 90, maxCount: null }] as const;
  const counts = (["post", "capture", "revert"] as const).map((purpose) => {
    const away = new LedgerShard(1);
    away.open(AWAY, { limits });
    const legs = legsOn(1, [posting(HOME, AWAY, 7)]).map((leg) => ({ ...leg, asset: "PTS/0" }));
    const names = { op: "portion", ...keyless, from: 0, no: 1, part: 0, sentAtMs: NOW_MS } as const;
    away.receive({ ...names, transfer: { id: "tr_1" } as never, purpose, legs });
    return away.counted(AWAY, "credit");
  });
  expect(counts).toEqual([
    [7, 1],
    [7, 1],
    [0, 0],
  ]);
});
