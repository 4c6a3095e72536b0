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
  askConflicts,
  askOpenSales,
  askPhone,
  askPhones,
  askRequest,
  askRequests,
  askSaleList,
  askSales,
  askSeller,
  askSellers,
  askTopupSettings,
  CREDIT_SOURCE,
  creditAccount,
  phoneAccount,
  REQUEST_STATUSES,
  requestId,
  requestOwner,
  SALE_LISTS,
  sellerOf,
  TOPUP_SUBJECT,
  type TopupAct,
  vnodeOfRequest,
} from "../../../src/actors/programmes/topup/acts.ts";
import type { Command, Recorded } from "../../../src/actors/records/command.ts";
import { copiesOf, PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";
import { type Answer, TopupModel, viewOfSale } from "./topup-model.ts";
import { PHONES, SELLERS, type Step, step } from "./topup-steps.ts";

const PARTNER = "acme";
const DAY_MS = 24 * 60 * 60_000;
const NO_TRANSFER = "tr_0019001";
const ALL: ListRequest = [99, null];
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;

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
    if (what.do === "wait") this.#run.nowMs += what.days * DAY_MS;
    const { nowMs } = this.#run;
    model.forget(nowMs);
    switch (what.do) {
      case "wait":
        return;
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
        const { amount, note, by } = what;
        const terms = { amount, note, ...(by !== undefined && { by }) };
        const act: TopupAct<"request_credit"> = { ...actOf("request_credit", what.seller), ...terms };
        return this.#act(act, (effect) => {
          const { request } = (effect ?? { request: "" }) as { request: string };
          return model.request(what.seller, { amount, note, by }, request, nowMs);
        });
      }
      case "approve": {
        const [id, owner, amount] = this.#request(what.which);
        const act: TopupAct<"approve"> = { ...actOf("approve", owner), request: id, by: "key_1", amount };
        const [debit, credit] = amount < 0 ? [act.subject, CREDIT_SOURCE] : [CREDIT_SOURCE, act.subject];
        const decision = { verb: "approve", reason: null } as const;
        return this.#move(act, debit, credit, Math.abs(amount), (transfer) =>
          model.decide(owner, id, "key_1", decision, nowMs, transfer),
        );
      }
      case "reject": {
        const { reason } = what;
        const [id, owner] = this.#request(what.which);
        const act = { ...actOf("reject", owner), request: id, by: "key_2", reason };
        return this.#act(act, () => model.decide(owner, id, "key_2", { verb: "reject", reason }, nowMs, ""));
      }
      case "withdraw": {
        const [id, owner] = this.#request(what.which);
        const act = { ...actOf("withdraw_request", owner), request: id, by: "key_3" };
        const decision = { verb: "withdraw", reason: null } as const;
        return this.#act(act, () => model.decide(owner, id, "key_3", decision, nowMs, ""));
      }
      case "limit": {
        const act = { ...actOf("update_seller", what.seller), limits: what.limits };
        return this.#act(act, () => model.limit(what.seller, what.limits));
      }
      case "limitPhones": {
        const settings = { phoneLimits: what.limits };
        const act = { programme: "topup", act: "change_settings", subject: TOPUP_SUBJECT, settings } as const;
        return this.#act(act, () => model.limitPhones(what.limits));
      }
      case "start": {
        const { seller: id, phone, amount, reference } = what;
        const act: TopupAct<"start_sale"> = { ...actOf("start_sale", id), phone, amount, reference };
        const [debit, credit] = [act.subject, phoneAccount(phone)];
        const vnode = homeVnodeOf(PARTNER, debit, credit, null);
        const pending = { available: false, pending: true, timeoutMs: null, vnode, act } as const;
        const postings = [{ debit, credit, amount }];
        const command = { op: "compound_transfer", ...header, ...noted, postings, ...pending } as const;
        return this.#do(command, (_, transfer) =>
          model.start({ seller: id, phone, amount, reference }, transfer, nowMs),
        );
      }
      case "end": {
        const { status, by } = what;
        const [id, owner] = this.#sale(what.which);
        const settled = model.sales.some((each) => each.id === id) ? "posted" : "none";
        const common = { ...header, id, settled } as const;
        const reason = status === "failed" ? "no" : null;
        const failing: TopupAct = { ...actOf("fail_sale", owner), sale: id, by, reason };
        const completing: TopupAct = { ...actOf("complete_sale", owner), sale: id, by };
        const whole = { amount: null, final: true } as const;
        const command: Command =
          status === "failed"
            ? { op: "void_transfer", ...common, act: failing }
            : { op: "post_transfer", ...common, ...whole, act: completing };
        return this.#do(command, () => model.end(id, status, by, reason));
      }
      case "unknown": {
        const [id, owner] = this.#sale(what.which);
        const act: TopupAct = { ...actOf("report_unknown", owner), sale: id };
        return this.#act(act, () => model.reportUnknown(id));
      }
      case "late": {
        const [id, owner] = this.#sale(what.which);
        const { answer } = what;
        const act: TopupAct = { ...actOf("report_late", owner), sale: id, answer };
        return this.#act(act, () => model.reportLate(id, answer));
      }
      case "sell": {
        const { phone, amount, reference } = what;
        const act: TopupAct<"sale"> = { ...actOf("sale", what.seller), phone, reference };
        return this.#move(act, act.subject, phoneAccount(phone), amount, (transfer) =>
          model.sell({ seller: what.seller, phone, amount, reference }, transfer, nowMs),
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
    const { sellers, requests: all, forgotten, phones } = this.#model;
    const requests = all.filter(({ id }) => !forgotten.has(id));
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
    for (const request of all)
      expect(ask(askRequest(request.id, 0))).toEqual(forgotten.has(request.id) ? null : request);
    this.#checkSales();
    for (const phone of PHONES) expect(ask(askPhone(phone))).toEqual(phones.get(phone) ?? null);
    const inOrder = [...phones.values()].toSorted((a, b) => (a.phone < b.phone ? -1 : 1));
    expect(ask(askPhones(9, null))).toEqual(inOrder);
    expect(ask(askPhones(1, PHONES[0] ?? ""))).toEqual(
      inOrder.filter(({ phone }) => phone > (PHONES[0] ?? "")),
    );
  }

  #checkSales(): void {
    const { sales, phoneLimits } = this.#model;
    const ask = <R>(question: Question<R>) => this.#run.ask(PARTNER, question);
    const kept = sales.filter(({ isOver }) => !isOver).map(viewOfSale);
    expect(ask(askTopupSettings())).toEqual({ phoneLimits });
    expect(ask(askSales(sales.map(({ id }) => id)))).toEqual(kept);
    const open = kept.filter(({ conflict }) => conflict === null);
    expect(ask(askOpenSales(0, 99, 0)).map(({ id, status }) => [id, status])).toEqual(
      open.map(({ id, status }) => [id, status]),
    );
    const numbers = ask(askOpenSales(0, 99, 0)).map(({ no }) => no);
    expect(numbers).toEqual(
      sales.flatMap(({ id }, i) => (open.some((each) => each.id === id) ? [i + 1] : [])),
    );
    for (const list of SALE_LISTS) {
      const rows = ask(askSaleList({ list, seller: null, phone: null })(ALL)).rows.map(([, row]) => row);
      const shown = kept.filter(({ status, conflict }) =>
        list === "conflict" ? conflict !== null : status === list,
      );
      if (list === "conflict") expect(new Set(rows)).toEqual(new Set(shown));
      else expect(rows).toEqual(shown.toReversed());
    }
    expect(ask(askConflicts())).toBe(kept.length - open.length);
  }

  checkCopies(): void {
    for (const copy of copiesOf(this.#run.ledger, this.#log)) {
      this.#run.ledger = copy;
      this.check();
    }
  }

  #sale(place: number): readonly [id: string, seller: string] {
    const sale = this.#model.sales.at(-1 - place);
    return sale === undefined ? [NO_TRANSFER, "a"] : [sale.id, sale.seller];
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
      world.take({ do: "request", seller: "a", amount: 300, note: null, by: undefined });
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
