/**
 * Compares the top-up programme on a ledger with a plain model, and with its replay and its restored snapshot.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { homeVnodeOf, VNODES, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import type { Question } from "../../../src/actors/programmes/programme.ts";
import {
  askPhone,
  askPhones,
  askRequest,
  askRequests,
  askSeller,
  askSellers,
  CREDIT_SOURCE,
  creditAccount,
  phoneAccount,
  REQUEST_STATUSES,
  requestId,
  requestOwner,
  sellerOf,
  type TopupAct,
  vnodeOfRequest,
} from "../../../src/actors/programmes/topup/acts.ts";
import type { Command, Recorded } from "../../../src/actors/records/command.ts";
import { copiesOf, PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";
import { type Answer, TopupModel } from "./topup-model.ts";

const PARTNER = "acme";
const SELLERS = ["a", "b/1"];
const PHONES = ["+989121111111", "+989122222222"];
const NO_TRANSFER = "tr_0019001";
const ALL: ListRequest = [99, null];
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;

const seller = fc.constantFrom(...SELLERS);
const which = fc.nat(9);
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant("create" as const), seller }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("suspend" as const, "resume" as const), seller }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      seller,
      amount: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -20, max: -1 })),
      note: fc.option(fc.constant("please"), { nil: null }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("approve" as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("reject" as const),
      which,
      reason: fc.option(fc.constant("no"), { nil: null }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("sell" as const),
      seller,
      phone: fc.constantFrom(...PHONES),
      amount: fc.integer({ min: 1, max: 30 }),
      reference: fc.option(fc.constantFrom("r1", "r2", "r3", "r4"), { nil: null }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("revert" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Different bytes on each call. */
function counted(): (bytes: number) => Uint8Array {
  let count = 0;
  return (bytes) => {
    count += 1;
    return Uint8Array.from({ length: bytes }, (_, i) => (i === bytes - 1 ? count : 0xf0 + i));
  };
}

class World {
  readonly #random = counted();
  readonly #log = new PackedLog();
  readonly #run = new LedgerRun((record) => this.#log.add(record), this.#random);
  readonly #model = new TopupModel();
  readonly #made: string[] = [];

  take(what: Step): void {
    const model = this.#model;
    this.#run.nowMs += 1;
    const { nowMs } = this.#run;
    switch (what.do) {
      case "create": {
        const act = { ...actOf("create_seller", what.seller), name: `Mr ${what.seller}`, asset: "IRT/0" };
        return this.#act(act, () => model.create(what.seller, `Mr ${what.seller}`, nowMs));
      }
      case "suspend":
      case "resume": {
        const isSuspended = what.do === "suspend";
        const act = actOf(isSuspended ? "suspend_seller" : "resume_seller", what.seller);
        return this.#act(act, () => model.suspend(what.seller, isSuspended));
      }
      case "request": {
        const { amount, note } = what;
        const act = { ...actOf("request_credit", what.seller), amount, note };
        return this.#act(act, (effect) => {
          const { request } = (effect ?? { request: "" }) as { request: string };
          return model.request(what.seller, amount, note, request, nowMs);
        });
      }
      case "approve": {
        const [id, owner, amount] = this.#request(what.which);
        const act: TopupAct<"approve"> = { ...actOf("approve", owner), request: id, by: "key_1", amount };
        const [debit, credit] = amount < 0 ? [act.subject, CREDIT_SOURCE] : [CREDIT_SOURCE, act.subject];
        const decision = { isApproved: true, reason: null };
        return this.#move(act, debit, credit, Math.abs(amount), (transfer) =>
          model.decide(owner, id, "key_1", decision, nowMs, transfer),
        );
      }
      case "reject": {
        const { reason } = what;
        const [id, owner] = this.#request(what.which);
        const act = { ...actOf("reject", owner), request: id, by: "key_2", reason };
        return this.#act(act, () =>
          model.decide(owner, id, "key_2", { isApproved: false, reason }, nowMs, ""),
        );
      }
      case "sell": {
        const { phone, amount, reference } = what;
        const act: TopupAct<"sale"> = { ...actOf("sale", what.seller), phone, reference };
        return this.#move(act, act.subject, phoneAccount(phone), amount, (transfer) =>
          model.sell(what.seller, phone, amount, reference, transfer),
        );
      }
      case "revert": {
        const id = this.#made.at(-1 - what.which) ?? NO_TRANSFER;
        const revert = { op: "revert_transfer", ...header, id, original: null, vnode: 0 } as const;
        return this.#do(revert, (_, transfer) => model.revert(id, transfer));
      }
      case "restart":
        this.#run.ledger = restored([...imageOf(this.#run.ledger.state)], this.#random);
    }
  }

  /** Compares all that can be read with the model. */
  check(): void {
    const { sellers, requests, phones } = this.#model;
    const ask = <R>(question: Question<R>) => this.#run.ask(PARTNER, question);
    const views = [...sellers.values()].map((each) => this.#model.view(each));
    expect(ask(askSellers(ALL)).rows.map(([, row]) => row)).toEqual(views.toReversed());
    for (const id of SELLERS) {
      expect(ask(askSeller(id))).toEqual(views.find((view) => view.id === id) ?? null);
      for (const status of [...REQUEST_STATUSES, null])
        expect(ask(askRequests({ seller: id, status })(ALL)).rows.map(([, row]) => row)).toEqual(
          requests
            .filter((each) => each.seller === id && each.status === (status ?? each.status))
            .toReversed(),
        );
    }
    for (const status of [...REQUEST_STATUSES, null])
      expect(ask(askRequests({ seller: null, status })(ALL)).rows.map(([, row]) => row)).toEqual(
        requests.filter((each) => each.status === (status ?? each.status)).toReversed(),
      );
    for (const request of requests) expect(ask(askRequest(request.id, 0))).toEqual(request);
    for (const phone of PHONES) expect(ask(askPhone(phone))).toEqual(phones.get(phone) ?? null);
    const inOrder = [...phones.values()].toSorted((a, b) => (a.phone < b.phone ? -1 : 1));
    expect(ask(askPhones(9, null))).toEqual(inOrder);
    expect(ask(askPhones(1, PHONES[0] ?? ""))).toEqual(
      inOrder.filter(({ phone }) => phone > (PHONES[0] ?? "")),
    );
  }

  checkCopies(): void {
    for (const copy of copiesOf(this.#run.ledger, this.#log)) {
      this.#run.ledger = copy;
      this.check();
    }
  }

  #request(place: number): readonly [id: string, seller: string, amount: number] {
    const request = this.#model.requests.at(-1 - place);
    return request === undefined ? ["cr_none", "a", 1] : [request.id, request.seller, request.amount];
  }

  #act(act: TopupAct, expected: (effect: unknown) => Answer): void {
    this.#do({ op: "act", ...header, act }, expected);
  }

  #move(
    act: TopupAct,
    debit: string,
    credit: string,
    amount: number,
    expected: (id: string) => Answer,
  ): void {
    const vnode = homeVnodeOf(PARTNER, debit, credit, null);
    const command = { op: "transfer", ...header, ...noted, debit, credit, amount, vnode, act } as const;
    this.#do(command, (_, id) => expected(id));
  }

  #do(command: Command, expected: (effect: unknown, id: string) => Answer): void {
    const { outcome } = this.#run.do(command);
    const id = outcome.ok && "id" in outcome ? outcome.id : "";
    if (id !== "") this.#made.push(id);
    const answer = expected(outcome.ok ? effectOf(outcome) : undefined, id);
    if ("code" in answer) expect(outcome, JSON.stringify(command)).toEqual({ ok: false, ...answer });
    else expect(effectOf(outcome), JSON.stringify(command)).toEqual(answer.effect);
  }
}

function actOf<A extends string>(act: A, id: string) {
  return { programme: "topup", act, subject: creditAccount(id) } as const;
}

function effectOf(outcome: Recorded): unknown {
  if (!outcome.ok) return outcome;
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}

test("random commands give what a plain model gives, in every field; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 50 }), (steps) => {
      const world = new World();
      world.take({ do: "create", seller: "a" });
      world.take({ do: "request", seller: "a", amount: 300, note: null });
      world.take({ do: "approve", which: 0 });
      for (const each of steps) {
        world.take(each);
        world.check();
      }
      world.checkCopies();
    }),
    { numRuns: runs(200) },
  );
});

test("a seller's account is created with the seller, and only the programme moves its balance", () => {
  const run = new LedgerRun(() => {}, counted());
  const act: TopupAct = { ...actOf("create_seller", "a"), name: "A", asset: "IRT/0" };
  const account = { id: "credit:a", asset: "IRT/0", floor: 0, ceiling: null, programme: "topup" };
  expect(run.do({ op: "act", ...header, act }).outcome).toMatchObject({ ok: true, account });
  const sides = { debit: CREDIT_SOURCE, credit: "credit:a", amount: 1, vnode: 0 };
  const { outcome } = run.do({ op: "transfer", ...header, ...noted, ...sides });
  expect(outcome).toMatchObject({ code: "managed_account", subject: "credit:a" });
});

test("no sum of a seller or a phone exceeds the safe integers", () => {
  const MAX = Number.MAX_SAFE_INTEGER;
  const run = new LedgerRun(() => {}, counted());
  const { programmes } = run.ledger.state;
  for (const id of ["a", "b"])
    run.do({
      op: "act",
      ...header,
      act: { ...actOf("create_seller", id), name: id, asset: "IRT/0" } as TopupAct,
    });
  const make = (id: string, amount: number): string => {
    const act: TopupAct = { ...actOf("request_credit", id), amount, note: null };
    const effect = effectOf(run.do({ op: "act", ...header, act }).outcome) as { request: string };
    return effect.request;
  };
  const decide = (act: TopupAct, amount: number) =>
    programmes.decide(act, { partner: PARTNER, nowMs: run.nowMs, amount, isTaken: false });
  const apply = (act: TopupAct, amount: number) =>
    programmes.apply(act, null, { partner: PARTNER, timeMs: 0, transfer: "t", amount });
  const approval = (request: string, amount: number): TopupAct<"approve"> => {
    return { ...actOf("approve", "a"), request, by: "key_1", amount };
  };
  apply(approval(make("a", MAX - 5), MAX - 5), MAX - 5);
  expect(decide(approval(make("a", 5), 5), 5)).toMatchObject({ ok: true });
  expect(decide(approval(make("a", 6), 6), 6)).toMatchObject({ code: "balance_out_of_range", subject: "a" });
  expect(decide(approval(make("a", -6), -6), 6)).toMatchObject({ ok: true });
  const back = (wasDecrease: boolean, phone?: string): TopupAct<"take_back"> => {
    return { ...actOf("take_back", "a"), wasDecrease, ...(phone !== undefined && { phone }) };
  };
  expect(decide(back(true), 5)).toMatchObject({ ok: true });
  expect(decide(back(true), 6)).toMatchObject({ code: "balance_out_of_range", subject: "a" });
  expect(decide(back(false), 6)).toMatchObject({ ok: true });
  const [phone = ""] = PHONES;
  expect(decide(back(true, phone), 6)).toMatchObject({ ok: true });
  const sale: TopupAct<"sale"> = { ...actOf("sale", "b"), phone, reference: null };
  apply(sale, MAX - 5);
  expect(decide(sale, 5)).toMatchObject({ ok: true });
  expect(decide(sale, 6)).toMatchObject({ code: "balance_out_of_range", subject: phone });
});

test("the id of a credit request contains the seller's vnode, and no other text is accepted", () => {
  const bytes = Uint8Array.from({ length: 12 }, (_, i) => 7 * i);
  const id = requestId(PARTNER, creditAccount("a"), bytes);
  expect(id).toMatch(/^cr_[0-9a-z]{2}00070e151c232a31383f464d$/);
  expect(vnodeOfRequest(id)).toBe(vnodeOfAccount(PARTNER, creditAccount("a")));
  const hex = "0".repeat(24);
  expect(vnodeOfRequest(`cr_00${hex}`)).toBe(0);
  const last = (VNODES - 1).toString(36);
  expect(vnodeOfRequest(`cr_${last}${hex}`)).toBe(VNODES - 1);
  const beyond = VNODES.toString(36);
  for (const text of ["", hex, `cr_${beyond}${hex}`, `cr_00${hex}0`, `xcr_00${hex}`, `cr_0${hex}`])
    expect(vnodeOfRequest(text), text).toBeUndefined();
  expect(askRequest(id, 5)).toEqual({ programme: "topup", subject: id, vnode: 5, ask: ["request", id] });
  expect(requestOwner(id)).toBe(`#${id}`);
});

test("queries about a seller go to the seller's shard, lists to all shards", () => {
  const subject = creditAccount("b/1");
  expect([subject, sellerOf(subject), phoneAccount("+98"), CREDIT_SOURCE]).toEqual([
    "credit:b/1",
    "b/1",
    "@phone:+98",
    "@credit",
  ]);
  expect(askSeller("b/1")).toMatchObject({ programme: "topup", subject });
  const lists = [
    askSellers(ALL),
    askRequests({ seller: "a", status: null })(ALL),
    askPhone("+98"),
    askPhones(1, null),
  ];
  for (const question of lists) expect(question).toMatchObject({ programme: "topup", subject: null });
});
