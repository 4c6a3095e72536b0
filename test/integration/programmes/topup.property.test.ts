/** Compares the rules of top-up with a plain model, and with replay and a restored snapshot. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Account } from "../../../src/actors/ledger/account.ts";
import { Claims } from "../../../src/actors/ledger/limits/claims.ts";
import type { ApplyContext, ProgrammeContext } from "../../../src/actors/programmes/programme.ts";
import { claimOfAct } from "../../../src/actors/programmes/programmes.ts";
import { creditAccount, sellerOf, type TopupAct } from "../../../src/actors/programmes/topup/acts.ts";
import { takeBackTopup } from "../../../src/actors/programmes/topup/claims-and-reverts.ts";
import { PENDING_REQUESTS_MAX, Topup } from "../../../src/actors/programmes/topup/topup.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import { runs } from "../../actors/ledger/property-runs.ts";

const PARTNER = "acme";
const SELLERS = ["a", "b", "c/1"];
const PHONES = ["+989121111111", "+989122222222"];

/** One shard: the programme, and the balances of the sellers. */
class Shard {
  readonly credit = new Map<string, number>();
  readonly applied: [TopupAct, JsonValue, ApplyContext][] = [];
  readonly topup: Topup;
  /** Claimed names, which the ledger keeps for its programmes. */
  readonly #claims = new Claims();
  #randoms = 0;
  #transfers = 0;

  constructor() {
    this.topup = topupOver(this.credit, (bytes) => {
      this.#randoms += 1;
      return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(this.#randoms / 256 ** i) % 256);
    });
  }

  /**
   * Decides and applies an act; returns the code of a rejection, or the effect. `delta`: change of the seller's
   * credit by the act's transfer.
   */
  do(act: TopupAct, delta = 0): string | Readonly<{ effect: JsonValue; transfer: string }> {
    const amount = Math.abs(delta);
    const name = claimOfAct(PARTNER, act);
    const isTaken = name !== undefined && this.#claims.takenBy(name) !== undefined;
    const decided = this.topup.decide(act, { partner: PARTNER, nowMs: 0, amount, isTaken });
    if (!decided.ok) return decided.code;
    const before = this.credit.get(act.subject) ?? 0;
    if (before + delta < 0) return "insufficient_funds";
    this.credit.set(act.subject, before + delta);
    this.#transfers += 1;
    const transfer = `t${this.#transfers}`;
    if (name !== undefined) this.#claims.take(name, transfer, { epoch: 1, seq: this.#transfers });
    const done = { partner: PARTNER, timeMs: this.#transfers, transfer, amount };
    this.topup.apply(act, decided.effect, done);
    this.applied.push([act, decided.effect, done]);
    return { effect: decided.effect, transfer };
  }
}

function topupOver(credit: ReadonlyMap<string, number>, random: ProgrammeContext["random"]): Topup {
  const account = (_: string, id: string) => {
    const posted = credit.get(id);
    return posted === undefined ? undefined : ({ posted } as Account);
  };
  // What is decided is to be forgotten later; this clock does not come so far.
  const scheduler = { add: () => {}, remove: () => {} };
  return new Topup({ shard: 1, shards: 3, account, random, scheduler });
}

/** Replay never decides, so it draws no random bytes. */
function noRandom(): never {
  return expect.unreachable();
}

type Step =
  | readonly ["create", seller: number]
  | readonly ["suspend" | "resume", seller: number]
  | readonly ["request", seller: number, amount: number]
  | readonly ["approve" | "reject", request: number]
  | readonly ["sell", seller: number, phone: number, amount: number, reference: number]
  | readonly ["take_back", transfer: number];

const seller = fc.nat(SELLERS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constant("create" as const), seller) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("suspend" as const, "resume" as const), seller) },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constant("request" as const), seller, fc.integer({ min: -50, max: 99 })),
  },
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom("approve" as const, "reject" as const), fc.nat(20)) },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant("sell" as const),
      seller,
      fc.nat(PHONES.length - 1),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(8),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant("take_back" as const), fc.nat(20)) },
);

type ModelSeller = { suspended: boolean; credited: number; sold: number; references: Set<string> };
type ModelRequest = { id: string; seller: string; amount: number; status: string };
type ModelTransfer = { act: TopupAct; transfer: string; delta: number };

/** A plain model, with lists instead of indexes. */
class Model {
  readonly sellers = new Map<string, ModelSeller>();
  readonly requests: ModelRequest[] = [];
  readonly transfers: ModelTransfer[] = [];
  readonly phones = new Map<string, { total: number; topups: number }>();

  credit(id: string): number {
    const { credited, sold } = this.sellers.get(id) as ModelSeller;
    return credited - sold;
  }
}

function names<A extends string>(act: A, seller: string) {
  return { programme: "topup", act, subject: creditAccount(seller) } as const;
}

/** The id of the request that an act has created. */
function madeBy(got: ReturnType<Shard["do"]>): string {
  const { effect } = got as { effect: JsonValue };
  return (effect as { request: string }).request;
}

function create(shard: Shard, model: Model, id: string): void {
  const got = shard.do({ ...names("create_seller", id), name: id, asset: "IRT/0" });
  if (model.sellers.has(id)) {
    expect(got).toBe("seller_exists");
    return;
  }
  expect(got).toBeInstanceOf(Object);
  model.sellers.set(id, { suspended: false, credited: 0, sold: 0, references: new Set() });
}

function ask(shard: Shard, model: Model, id: string, amount: number): void {
  const got = shard.do({ ...names("request_credit", id), amount, note: null });
  if (!model.sellers.has(id)) {
    expect(got).toBe("seller_not_found");
    return;
  }
  const request = madeBy(got);
  expect(model.requests.map((each) => each.id)).not.toContain(request);
  model.requests.push({ id: request, seller: id, amount, status: "pending" });
}

function decideRequest(shard: Shard, model: Model, approves: boolean, place: number): void {
  const request = model.requests[place % Math.max(1, model.requests.length)];
  if (request === undefined) return;
  const { id, seller: owner, amount } = request;
  const by = "key_1";
  const act: TopupAct = approves
    ? { ...names("approve", owner), request: id, by, amount }
    : { ...names("reject", owner), request: id, by, reason: null };
  const delta = approves ? amount : 0;
  const got = shard.do(act, delta);
  if (request.status !== "pending") expect(got).toBe("already_decided");
  else if (model.credit(owner) + delta < 0) expect(got).toBe("insufficient_funds");
  else {
    request.status = approves ? "approved" : "rejected";
    if (!approves) return;
    (model.sellers.get(owner) as ModelSeller).credited += amount;
    model.transfers.push({ act, transfer: (got as { transfer: string }).transfer, delta });
  }
}

function sell(shard: Shard, model: Model, act: TopupAct<"sale">, amount: number): void {
  const got = shard.do(act, -amount);
  const known = model.sellers.get(sellerOf(act.subject));
  if (known === undefined) expect(got).toBe("seller_not_found");
  else if (known.suspended) expect(got).toBe("seller_suspended");
  else if (known.references.has(act.reference ?? "")) expect(got).toBe("duplicate_reference");
  else if (model.credit(sellerOf(act.subject)) < amount) expect(got).toBe("insufficient_funds");
  else {
    known.sold += amount;
    if (act.reference !== null) known.references.add(act.reference);
    const { total, topups } = model.phones.get(act.phone) ?? { total: 0, topups: 0 };
    model.phones.set(act.phone, { total: total + amount, topups: topups + 1 });
    model.transfers.push({ act, transfer: (got as { transfer: string }).transfer, delta: -amount });
  }
}

function takeBack(shard: Shard, model: Model, place: number): void {
  const [original] = model.transfers.splice(place % Math.max(1, model.transfers.length), 1);
  if (original === undefined) return;
  const { act, delta } = original;
  const way = takeBackTopup(act);
  expect(way).toBeDefined();
  const got = shard.do(way as TopupAct, -delta);
  if (model.credit(sellerOf(act.subject)) - delta < 0) {
    expect(got).toBe("insufficient_funds");
    model.transfers.push(original);
    return;
  }
  const known = model.sellers.get(sellerOf(act.subject)) as ModelSeller;
  if (act.act === "sale") {
    known.sold += delta;
    const phone = model.phones.get(act.phone) as { total: number; topups: number };
    model.phones.set(act.phone, { total: phone.total + delta, topups: phone.topups - 1 });
  } else known.credited -= delta;
}

function run(shard: Shard, model: Model, [what, ...values]: Step): void {
  const [first, second = 0, amount = 0, reference = 0] = values as [number, number?, number?, number?];
  const id = SELLERS[first] ?? "";
  switch (what) {
    case "create":
      return create(shard, model, id);
    case "suspend":
    case "resume": {
      const got = shard.do(names(what === "suspend" ? "suspend_seller" : "resume_seller", id));
      const known = model.sellers.get(id);
      if (known === undefined) expect(got).toBe("seller_not_found");
      else known.suspended = what === "suspend";
      return undefined;
    }
    case "request":
      return ask(shard, model, id, second === 0 ? 1 : second);
    case "approve":
    case "reject":
      return decideRequest(shard, model, what === "approve", first);
    case "sell": {
      const phone = PHONES[second] as string;
      const named = reference === 0 ? null : `r${reference}`;
      return sell(shard, model, { ...names("sale", id), phone, reference: named }, amount);
    }
    case "take_back":
      return takeBack(shard, model, first);
    default:
      return expect.unreachable();
  }
}

function check(topup: Topup, model: Model): void {
  for (const id of SELLERS) {
    const known = model.sellers.get(id);
    const view = topup.answer(PARTNER, ["seller", id], 0);
    if (known === undefined) expect(view).toBeNull();
    else
      expect(view).toMatchObject({
        status: known.suspended ? "suspended" : "active",
        credit: model.credit(id),
        totalCredited: known.credited,
        totalSold: known.sold,
      });
    expect(rowsOf(topup, ["requests", id, null])).toEqual(idsOf(model, (request) => request.seller === id));
  }
  for (const status of ["pending", "approved", "rejected"])
    expect(rowsOf(topup, ["requests", null, status])).toEqual(
      idsOf(model, (request) => request.status === status),
    );
  const phones = [...model.phones]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([phone, sums]) => ({ phone, ...sums }));
  expect(topup.answer(PARTNER, ["phones", 10, null], 0)).toEqual(phones);
}

function rowsOf(topup: Topup, ask: readonly JsonValue[]): readonly string[] {
  const { rows } = topup.answer(PARTNER, [...ask, 1_000, null], 0) as { rows: [JsonValue, { id: string }][] };
  return rows.map(([, { id }]) => id);
}

function idsOf(model: Model, isWanted: (request: ModelRequest) => boolean): readonly string[] {
  return model.requests
    .filter(isWanted)
    .map(({ id }) => id)
    .toReversed();
}

test("random acts give what a plain model gives; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      const shard = new Shard();
      const model = new Model();
      for (const each of steps) run(shard, model, each);
      check(shard.topup, model);

      const items = JSON.stringify([...shard.topup.items()]);
      const replayed = topupOver(shard.credit, noRandom);
      for (const [act, effect, done] of shard.applied)
        replayed.apply(act, effect as { request: string } | null, done);
      expect(JSON.stringify([...replayed.items()])).toBe(items);

      const restored = topupOver(shard.credit, noRandom);
      for (const item of JSON.parse(items) as JsonValue[][]) restored.restore(item);
      expect(JSON.stringify([...restored.items()])).toBe(items);
      check(restored, model);
    }),
    { numRuns: runs(300) },
  );
});

test("a snapshot stores more phones than fit one item", () => {
  const shard = new Shard();
  const id = "a";
  shard.do({ ...names("create_seller", id), name: id, asset: "IRT/0" });
  shard.credit.set(creditAccount(id), 10_000);
  for (let i = 0; i < 1_500; i++) {
    const phone = `+98912${String((i * 7_919) % 10_000_000).padStart(7, "0")}`;
    expect(shard.do({ ...names("sale", id), phone, reference: `r${i}` }, -1)).toBeInstanceOf(Object);
  }
  const items = [...shard.topup.items()];
  expect(items.length).toBeLessThan(20);
  const restored = topupOver(shard.credit, noRandom);
  for (const item of items) restored.restore(item);
  expect([...restored.items()]).toEqual(items);
});

test("a seller has a limited number of pending requests", () => {
  const shard = new Shard();
  shard.do({ ...names("create_seller", "a"), name: "a", asset: "IRT/0" });
  const wish: TopupAct = { ...names("request_credit", "a"), amount: 5, note: null };
  for (let i = 0; i < PENDING_REQUESTS_MAX; i++) expect(shard.do(wish)).toBeInstanceOf(Object);
  expect(shard.do(wish)).toBe("too_many_pending_requests");
  for (const request of rowsOf(shard.topup, ["requests", "a", "pending"]))
    shard.do({ ...names("reject", "a"), request, by: "key_1", reason: null });
  const restored = topupOver(shard.credit, (bytes) => new Uint8Array(bytes));
  for (const item of shard.topup.items()) restored.restore(item);
  for (let i = 1; i < PENDING_REQUESTS_MAX; i++) expect(shard.do(wish)).toBeInstanceOf(Object);
  expect(shard.do(wish)).toBeInstanceOf(Object);
  expect(shard.do(wish)).toBe("too_many_pending_requests");
  expect(restored.decide(wish, { partner: PARTNER, nowMs: 0, amount: 0 })).toMatchObject({ ok: true });
});

test("a pending request is found at once behind thousands of decided ones", () => {
  const shard = new Shard();
  shard.do({ ...names("create_seller", "a"), name: "a", asset: "IRT/0" });
  const wish: TopupAct = { ...names("request_credit", "a"), amount: 5, note: null };
  const waiting = madeBy(shard.do(wish));
  for (let i = 0; i < 6_000; i++) {
    const request = madeBy(shard.do(wish));
    shard.do({ ...names("reject", "a"), request, by: "key_1", reason: null });
  }
  expect(rowsOf(shard.topup, ["requests", null, "pending"])).toEqual([waiting]);
  expect(rowsOf(shard.topup, ["requests", null, "rejected"])).toHaveLength(1_000);
});

test("a sum that would exceed the safe integers is rejected", () => {
  const shard = new Shard();
  shard.do({ ...names("create_seller", "a"), name: "a", asset: "IRT/0" });
  const grant = (amount: number) => {
    const wished = shard.do({ ...names("request_credit", "a"), amount, note: null });
    const request = madeBy(wished);
    return shard.do({ ...names("approve", "a"), request, by: "key_1", amount }, amount);
  };
  expect(grant(Number.MAX_SAFE_INTEGER)).toBeInstanceOf(Object);
  const sale: TopupAct<"sale"> = { ...names("sale", "a"), phone: PHONES[0] as string, reference: null };
  expect(shard.do(sale, -Number.MAX_SAFE_INTEGER)).toBeInstanceOf(Object);
  expect(grant(1)).toBe("balance_out_of_range");
});
