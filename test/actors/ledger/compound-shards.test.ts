/** A transfer over two shards, step by step: what each is asked, keeps, is told and has in the end. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf, shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  decideEnd,
  decideLegs,
  decidePortion,
  decideRelease,
  decideReserve,
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
const asked = { partner: "p", key: null, fingerprint: 0 } as const;
const noted = { memo: "rent", metadata: null, occurredAtMs: 5 } as const;
const limit = (direction: Limit["direction"]): Limit => ({
  windowS: 60,
  direction,
  maxAmount: 10,
  maxCount: null,
});
const ids = ["a", "b", "c", "d", "e", "f", "g"];
const onShard = (shard: number) =>
  ids.find((id) => shardOfVnode(vnodeOfAccount("p", id), SHARDS) === shard) ?? "";
const [HERE, THERE] = [onShard(0), onShard(1)];
const [VNODE, AWAY] = [HERE, THERE].map((id) => vnodeOfAccount("p", id)) as [number, number];

class Shard {
  readonly ledger: Ledger;
  #index = 0;

  /** With one account that has 20, and may take, and give, 10 a minute. */
  constructor(no: number, id: string) {
    this.ledger = new Ledger(no, SHARDS);
    const rules = { asset: "PTS/0", floor: 0, ceiling: null, metadata: null };
    const create: CreateAccount = { op: "create_account", ...asked, id, ...rules };
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

  /** How much more its account may be debited, or credited, by its limits. */
  allows(debit: string, credit: string): number {
    const vnode = homeVnodeOf("p", debit, credit, null);
    let amount = 0;
    for (const more of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const command = { op: "transfer", ...asked, ...noted, debit, credit, amount: more, vnode } as const;
      if (this.ledger.decide(command, NOW_MS, () => "tr").ok) amount = more;
    }
    return amount;
  }
}

function transfer(more: Partial<CompoundTransfer>): CompoundTransfer {
  const kind = { available: false, pending: false, timeoutMs: null, vnode: VNODE };
  const postings = [{ debit: HERE, credit: THERE, amount: 8 }];
  return { op: "compound_transfer", ...asked, ...noted, ...kind, postings, ...more };
}

/** Decides it at home, with what the other shard says. */
function decided(home: Shard, away: Shard, command: CompoundTransfer, purpose: Purpose) {
  const planned = plan(home.ledger.compound, command);
  if (planned === NOT_OPEN || !planned.ok) throw new Error("it has a plan");
  const there = planned.legs.get(1) ?? [];
  const { reports } = examine(away.ledger.state.book("p"), there, purpose, NOW_MS, null);
  return decideLegs(home.ledger.compound, command, planned, new Map([[1, reports]]), "tr_1", NOW_MS);
}

function ofThere(legs: readonly Leg[]): readonly Leg[] {
  return legs.filter(({ vnode }) => shardOfVnode(vnode, SHARDS) === 1);
}

describe("credits on another shard", () => {
  test("go there as one message, which the record alone can make again", () => {
    const [home, away] = [new Shard(0, HERE), new Shard(1, THERE)];
    const command = transfer({});
    const outcome = decided(home, away, command, "post");
    const leg = { posting: 0, account: THERE, counterparty: HERE, vnode: AWAY, amount: 8, asset: "PTS/0" };
    expect(outcome).toMatchObject({
      id: "tr_1",
      moves: [
        { posting: 0, account: HERE, asset: "PTS/0", vnode: VNODE, amount: -8, posted: 12, held: 0, seq: 2 },
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
      ...asked,
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
    expect(away.account(THERE)).toMatchObject({ posted: 28, held: 0 });
    expect(away.ledger.exchange(0).received).toBe(1);
    expect([home.allows(HERE, "@x"), away.allows("@x", THERE)]).toEqual([2, 2]);
  });

  test("of a revert count against no limit", () => {
    const away = new Shard(1, THERE);
    const legs = ofThere(legsOf("p", [{ debit: HERE, credit: THERE, amount: 8 }]));
    const view = { id: "tr_1" } as Portion["transfer"];
    const names = { op: "portion", ...asked, from: 0, no: 1, transfer: view, part: 0, sentAtMs: 0 } as const;
    const portion: Portion = {
      ...names,
      purpose: "revert",
      legs: legs.map((leg) => ({ ...leg, asset: "PTS/0" })),
    };
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect([away.account(THERE).posted, away.allows("@x", THERE)]).toEqual([28, 10]);
  });
});

describe("a reservation", () => {
  const both = [
    { debit: THERE, credit: HERE, amount: 6 },
    { debit: HERE, credit: THERE, amount: 3 },
    { debit: "@x", credit: THERE, amount: 1 },
  ];

  function reserve(purpose: Reserve["purpose"]): Reserve {
    return { op: "reserve", ...asked, id: "tr_1", from: 0, purpose, legs: ofThere(legsOf("p", both)) };
  }

  test("holds what is taken, keeps room for what comes, and counts what is taken", () => {
    const away = new Shard(1, THERE);
    const command = reserve("post");
    const outcome = away.apply(command, decideReserve(away.ledger.compound, command, NOW_MS));
    expect(outcome).toMatchObject({
      moves: [
        { account: THERE, amount: 0, posted: 20, held: 6 },
        { account: "@x", amount: 0, posted: 0, held: 1 },
      ],
      holds: [
        { account: THERE, asset: "PTS/0", vnode: AWAY, amount: 6 },
        { account: "@x", asset: "PTS/0", vnode: AWAY, amount: 1 },
      ],
      rises: [{ account: THERE, amount: 4, count: 2 }],
    });
    expect(away.account(THERE)).toEqual({ posted: 20, held: 6, reserved: 4, reservations: 2 });
    expect([away.allows(THERE, "@y"), away.allows("@y", THERE)]).toEqual([4, 6]);
    const { reservations } = away.ledger.compound;
    expect([reservations.size, reservations.idsOf(0), reservations.idsOf(1)]).toEqual([1, ["tr_1"], []]);
    const release = { op: "release", ...asked, id: "tr_1" } as const;
    away.apply(release, decideRelease(away.ledger.compound, release));
    expect(away.account(THERE)).toEqual({ posted: 20, held: 0, reserved: 0, reservations: 0 });
    expect([away.allows(THERE, "@y"), away.allows("@y", THERE)]).toEqual([10, 10]);
    expect(reservations.size).toBe(0);
  });

  test("becomes the movement when its transfer is committed, and is counted once", () => {
    const away = new Shard(1, THERE);
    const command = reserve("post");
    away.apply(command, decideReserve(away.ledger.compound, command, NOW_MS));
    const legs = command.legs.map((leg) => ({ ...leg, asset: "PTS/0" }));
    const transferView = { id: "tr_1" } as Portion["transfer"];
    const names = { op: "portion", ...asked, from: 0, no: 1, part: 0, sentAtMs: 0 } as const;
    const portion: Portion = { ...names, transfer: transferView, purpose: "post", legs };
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect(away.account(THERE)).toEqual({ posted: 18, held: 0, reserved: 0, reservations: 0 });
    expect([away.allows(THERE, "@y"), away.allows("@y", THERE)]).toEqual([4, 6]);
    expect(away.ledger.systemAccount("p", "@x")?.get("PTS/0")).toEqual({ posted: -1n, held: 0n });
  });

  test("for what is pending keeps no room, and for a revert counts nothing", () => {
    const away = new Shard(1, THERE);
    const pending = reserve("hold");
    expect(decideReserve(away.ledger.compound, pending, NOW_MS)).toMatchObject({ rises: [] });
    const back = reserve("revert");
    away.apply(back, decideReserve(away.ledger.compound, back, NOW_MS));
    expect(away.allows(THERE, "@y")).toBe(10);
  });

  test("for a pending transfer is ended by its home, wherever it is", () => {
    const [home, away] = [new Shard(0, HERE), new Shard(1, THERE)];
    const command = transfer({ pending: true, timeoutMs: 9, postings: both });
    const outcome = decided(home, away, command, "hold");
    expect(outcome).toMatchObject({ sent: [], reservedAt: [1], holds: [] });
    expect(outcome).toMatchObject({
      elsewhere: [
        { posting: 0, account: THERE, amount: 0, held: 6 },
        { posting: 2, account: "@x", amount: 0, held: 1 },
      ],
    });
    if (!outcome.ok) return;
    home.apply(command, outcome);
    const end = { op: "void_transfer", ...asked, id: "tr_1", settled: null } as const;
    const ended = decideEnd(home.ledger.compound, end, NOW_MS);
    expect(ended).toMatchObject({ sent: [{ to: 1, no: 1, purpose: "capture", legs: [] }] });
    const held = reserve("hold");
    away.apply(held, decideReserve(away.ledger.compound, held, NOW_MS));
    if (ended === NOT_OPEN || !ended.ok) return;
    home.apply(end, ended);
    const portion = home.ledger.exchange(1).message(1) as Portion;
    away.apply(portion, decidePortion(away.ledger.compound, portion, NOW_MS));
    expect(away.account(THERE)).toEqual({ posted: 20, held: 0, reserved: 0, reservations: 0 });
    expect([home.account(HERE).held, away.allows(THERE, "@y"), home.allows(HERE, "@y")]).toEqual([0, 10, 10]);
  });
});
