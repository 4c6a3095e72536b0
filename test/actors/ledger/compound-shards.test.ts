/** A compound transfer over two shards, step by step: reservations, messages, and balances at the end. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf, shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  decideLegs,
  decidePortion,
  decideRelease,
  decideReserve,
  decideVoidOrExpiry,
  NOT_OPEN,
  plan,
} from "../../../src/actors/ledger/transfers/compound.ts";
import { examine, legsOf } from "../../../src/actors/ledger/transfers/legs.ts";
import type { Command, CreateAccount, Limit, Outcome } from "../../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  Leg,
  Portion,
  Purpose,
  Reserve,
} from "../../../src/actors/records/compound-command.ts";

const SHARDS = 2;
const NOW_MS = 70;
const header = { partner: "p", key: null, fingerprint: 0 } as const;
const details = { memo: "rent", metadata: null, occurredAtMs: 5 } as const;
const limit = (direction: Limit["direction"]): Limit => ({
  windowS: 60,
  direction,
  maxAmount: 10,
  maxCount: null,
});
const ids = ["a", "b", "c", "d", "e", "f", "g"];
const onShard = (shard: number) =>
  ids.find((id) => shardOfVnode(vnodeOfAccount("p", id), SHARDS) === shard) ?? "";
const [HOME_ACCOUNT, AWAY_ACCOUNT] = [onShard(0), onShard(1)];
const [HOME_VNODE, AWAY_VNODE] = [HOME_ACCOUNT, AWAY_ACCOUNT].map((id) => vnodeOfAccount("p", id)) as [
  number,
  number,
];

class Shard {
  readonly ledger: Ledger;
  #index = 0;

  /** Has one account with balance 20, limited to debits of 10 and credits of 10 per minute. */
  constructor(shard: number, id: string) {
    this.ledger = new Ledger(shard, SHARDS);
    const rules = { asset: "PTS/0", floor: 0, ceiling: null, metadata: null };
    const create: CreateAccount = { op: "create_account", ...header, id, ...rules };
    const limits = [limit("debit"), limit("credit")];
    const view = {
      id,
      ...rules,
      status: "open",
      posted: 20,
      held: 0,
      seq: 1,
      createdAtMs: 0,
      limits,
    } as const;
    this.apply(create, { ok: true, account: view });
  }

  apply<O extends Outcome>(command: Command, outcome: O): O {
    const place = { epoch: 1, seq: 1, index: this.#index++, timeMs: NOW_MS };
    this.ledger.apply(command, outcome, place, 0);
    return outcome;
  }

  account(id: string) {
    const { posted, held, reserved, reservations } = this.ledger.account("p", id) ?? {};
    return { posted, held, reserved, reservations };
  }

  /** The largest amount that the account's limits still allow for a transfer between these accounts. */
  allows(debit: string, credit: string): number {
    const vnode = homeVnodeOf("p", debit, credit, null);
    let amount = 0;
    for (const more of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const command = { op: "transfer", ...header, ...details, debit, credit, amount: more, vnode } as const;
      if (this.ledger.decide(command, NOW_MS, () => "tr").ok) amount = more;
    }
    return amount;
  }
}

function transfer(more: Partial<CompoundTransfer>): CompoundTransfer {
  const kind = { available: false, pending: false, timeoutMs: null, vnode: HOME_VNODE };
  const postings = [{ debit: HOME_ACCOUNT, credit: AWAY_ACCOUNT, amount: 8 }];
  return { op: "compound_transfer", ...header, ...details, ...kind, postings, ...more };
}

/** Decides a transfer at its home shard with the other shard's reports. */
function decided(home: Shard, away: Shard, command: CompoundTransfer, purpose: Purpose) {
  const planned = plan(home.ledger.compound, command);
  if (planned === NOT_OPEN || !planned.ok) throw new Error("the transfer has no plan");
  const awayLegs = planned.legs.get(1) ?? [];
  const { reports } = examine(away.ledger.state.book("p"), awayLegs, purpose, NOW_MS, null);
  return decideLegs(home.ledger.compound, command, planned, new Map([[1, reports]]), "tr_1", NOW_MS);
}

function legsOnAway(legs: readonly Leg[]): readonly Leg[] {
  return legs.filter(({ vnode }) => shardOfVnode(vnode, SHARDS) === 1);
}

describe("credits on another shard", () => {
  test("are sent as one message, which is rebuilt from the record alone", () => {
    const [home, away] = [new Shard(0, HOME_ACCOUNT), new Shard(1, AWAY_ACCOUNT)];
    const command = transfer({});
    const outcome = decided(home, away, command, "post");
    const leg = {
      posting: 0,
      account: AWAY_ACCOUNT,
      counterparty: HOME_ACCOUNT,
      vnode: AWAY_VNODE,
      amount: 8,
      asset: "PTS/0",
    };
    expect(outcome).toMatchObject({
      id: "tr_1",
      moves: [
        {
          posting: 0,
          account: HOME_ACCOUNT,
          asset: "PTS/0",
          vnode: HOME_VNODE,
          amount: -8,
          posted: 12,
          held: 0,
          seq: 2,
        },
      ],
      sent: [{ to: 1, no: 1, purpose: "post", legs: [leg] }],
      holds: [],
      reservedAt: [],
      elsewhere: [],
    });
    if (!outcome.ok) return;
    home.apply(command, outcome);
    const portion = home.ledger.exchange(1).message(1) as Portion;
    expect(portion).toEqual({
      op: "portion",
      ...header,
      from: 0,
      no: 1,
      transfer: outcome.transfer,
      part: 0,
      purpose: "post",
      legs: [leg],
      sentAtMs: NOW_MS,
    });
    expect(home.ledger.sums("p").get("PTS/0")?.sum).toBe(12n);
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect(away.account(AWAY_ACCOUNT)).toMatchObject({ posted: 28, held: 0 });
    expect(away.ledger.exchange(0).received).toBe(1);
    expect([home.allows(HOME_ACCOUNT, "@x"), away.allows("@x", AWAY_ACCOUNT)]).toEqual([2, 2]);
  });

  test("of a revert do not count against limits", () => {
    const away = new Shard(1, AWAY_ACCOUNT);
    const legs = legsOnAway(legsOf("p", [{ debit: HOME_ACCOUNT, credit: AWAY_ACCOUNT, amount: 8 }]));
    const view = { id: "tr_1" } as Portion["transfer"];
    const names = { op: "portion", ...header, from: 0, no: 1, transfer: view, part: 0, sentAtMs: 0 } as const;
    const portion: Portion = {
      ...names,
      purpose: "revert",
      legs: legs.map((leg) => ({ ...leg, asset: "PTS/0" })),
    };
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect([away.account(AWAY_ACCOUNT).posted, away.allows("@x", AWAY_ACCOUNT)]).toEqual([28, 10]);
  });
});

describe("a reservation", () => {
  const both = [
    { debit: AWAY_ACCOUNT, credit: HOME_ACCOUNT, amount: 6 },
    { debit: HOME_ACCOUNT, credit: AWAY_ACCOUNT, amount: 3 },
    { debit: "@x", credit: AWAY_ACCOUNT, amount: 1 },
  ];

  function reserve(purpose: Reserve["purpose"]): Reserve {
    return { op: "reserve", ...header, id: "tr_1", from: 0, purpose, legs: legsOnAway(legsOf("p", both)) };
  }

  test("holds debits, reserves room for credits, and counts debits against limits", () => {
    const away = new Shard(1, AWAY_ACCOUNT);
    const command = reserve("post");
    const outcome = away.apply(command, decideReserve(away.ledger.compound, command, NOW_MS));
    expect(outcome).toMatchObject({
      moves: [
        { account: AWAY_ACCOUNT, amount: 0, posted: 20, held: 6 },
        { account: "@x", amount: 0, posted: 0, held: 1 },
      ],
      holds: [
        { account: AWAY_ACCOUNT, asset: "PTS/0", vnode: AWAY_VNODE, amount: 6 },
        { account: "@x", asset: "PTS/0", vnode: AWAY_VNODE, amount: 1 },
      ],
      rises: [{ account: AWAY_ACCOUNT, amount: 4, count: 2 }],
    });
    expect(away.account(AWAY_ACCOUNT)).toEqual({ posted: 20, held: 6, reserved: 4, reservations: 2 });
    expect([away.allows(AWAY_ACCOUNT, "@y"), away.allows("@y", AWAY_ACCOUNT)]).toEqual([4, 6]);
    const { reservations } = away.ledger.compound;
    expect([reservations.size, reservations.idsOf(0), reservations.idsOf(1)]).toEqual([1, ["tr_1"], []]);
    const release = { op: "release", ...header, id: "tr_1" } as const;
    away.apply(release, decideRelease(away.ledger.compound, release));
    expect(away.account(AWAY_ACCOUNT)).toEqual({ posted: 20, held: 0, reserved: 0, reservations: 0 });
    expect([away.allows(AWAY_ACCOUNT, "@y"), away.allows("@y", AWAY_ACCOUNT)]).toEqual([10, 10]);
    expect(reservations.size).toBe(0);
  });

  test("is replaced by the entries when its transfer is committed, and counts once against limits", () => {
    const away = new Shard(1, AWAY_ACCOUNT);
    const command = reserve("post");
    away.apply(command, decideReserve(away.ledger.compound, command, NOW_MS));
    const legs = command.legs.map((leg) => ({ ...leg, asset: "PTS/0" }));
    const transferView = { id: "tr_1" } as Portion["transfer"];
    const names = { op: "portion", ...header, from: 0, no: 1, part: 0, sentAtMs: 0 } as const;
    const portion: Portion = { ...names, transfer: transferView, purpose: "post", legs };
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect(away.account(AWAY_ACCOUNT)).toEqual({ posted: 18, held: 0, reserved: 0, reservations: 0 });
    expect([away.allows(AWAY_ACCOUNT, "@y"), away.allows("@y", AWAY_ACCOUNT)]).toEqual([4, 6]);
    expect(away.ledger.systemAccount("p", "@x")?.get("PTS/0")).toEqual({ posted: -1n, held: 0n });
  });

  test("for a pending transfer reserves no credits, and for a revert counts against no limit", () => {
    const away = new Shard(1, AWAY_ACCOUNT);
    const pending = reserve("hold");
    expect(decideReserve(away.ledger.compound, pending, NOW_MS)).toMatchObject({ rises: [] });
    const back = reserve("revert");
    away.apply(back, decideReserve(away.ledger.compound, back, NOW_MS));
    expect(away.allows(AWAY_ACCOUNT, "@y")).toBe(10);
  });

  test("for a pending transfer is released by the home shard's message when the transfer is voided", () => {
    const [home, away] = [new Shard(0, HOME_ACCOUNT), new Shard(1, AWAY_ACCOUNT)];
    const command = transfer({ pending: true, timeoutMs: 9, postings: both });
    const outcome = decided(home, away, command, "hold");
    expect(outcome).toMatchObject({ sent: [], reservedAt: [1], holds: [] });
    expect(outcome).toMatchObject({
      elsewhere: [
        { posting: 0, account: AWAY_ACCOUNT, amount: 0, held: 6 },
        { posting: 2, account: "@x", amount: 0, held: 1 },
      ],
    });
    if (!outcome.ok) return;
    home.apply(command, outcome);
    const end = { op: "void_transfer", ...header, id: "tr_1", settled: null } as const;
    const ended = decideVoidOrExpiry(home.ledger.compound, end, NOW_MS);
    expect(ended).toMatchObject({ sent: [{ to: 1, no: 1, purpose: "capture", legs: [] }] });
    const held = reserve("hold");
    away.apply(held, decideReserve(away.ledger.compound, held, NOW_MS));
    if (ended === NOT_OPEN || !ended.ok) return;
    home.apply(end, ended);
    const portion = home.ledger.exchange(1).message(1) as Portion;
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect(away.account(AWAY_ACCOUNT)).toEqual({ posted: 20, held: 0, reserved: 0, reservations: 0 });
    expect([
      home.account(HOME_ACCOUNT).held,
      away.allows(AWAY_ACCOUNT, "@y"),
      home.allows(HOME_ACCOUNT, "@y"),
    ]).toEqual([0, 10, 10]);
  });
});
