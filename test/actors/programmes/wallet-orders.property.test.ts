/** Compares holds, payment requests, withdrawals and their money on a ledger with a plain model. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import {
  askAllWithdrawals,
  askHolds,
  askOrder,
  askPaymentRequests,
  askWithdrawals,
  bankAccount,
  bankSubject,
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  type UserView,
  vnodeOfWallet,
  type WalletAct,
  type WalletOrder,
  WITHDRAWALS,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Command, Recorded } from "../../../src/actors/records/command.ts";
import { copiesOf, PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";
import { type Answer, PapersModel } from "./wallet-orders-model.ts";

const ALL: ListRequest = [99, null];
const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
/** An id that no order has. */
const NO_ID = "tr_0019001";

const who = fc.nat(1);
const which = fc.nat(4);
const amount = fc.integer({ min: 1, max: 20 });
const timeoutMs = fc.constantFrom(3, 5, 9);
const memo = fc.option(fc.constant("rent"), { nil: null });
/** Mostly a wallet that is allowed to act. */
const isOther = fc.nat(5).map((dice) => dice === 3);
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("deposit" as const), who, amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("send" as const), who, amount }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("hold" as const), who, amount, memo, timeoutMs }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("capture" as const),
      which,
      part: fc.option(fc.integer({ min: 1, max: 9 }), { nil: null }),
      isFinal: fc.boolean(),
      toSelf: isOther,
      isOther,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("void" as const), which, isOther }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("withdraw" as const), who, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("confirm" as const, "fail" as const), which }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      who,
      payer: fc.constantFrom(0, 1, 0, 1, 2),
      amount,
      memo,
      timeoutMs,
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom("accept" as const, "decline" as const, "cancel" as const),
      which,
      isOther,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Of<K extends Step["do"]> = Extract<Step, Readonly<{ do: K }>>;

class World {
  #drawn = 0;
  readonly #random = (bytes: number) => new Uint8Array(bytes).fill(++this.#drawn);
  readonly #log = new PackedLog();
  readonly #run = new LedgerRun((record) => this.#log.add(record), this.#random);
  readonly #model = new PapersModel();
  /** Two wallets that exist and one that does not. */
  readonly wallets: readonly string[] = [this.#signUp("ann@x"), this.#signUp("bo@x"), "wal_none"];

  take(what: Step): void {
    this.#run.end();
    switch (what.do) {
      case "deposit": {
        const wallet = this.#wallet(what.who);
        const act = actOf("deposit", bankSubject("mill"), { wallet, bank: "mill", ref: null });
        const money = this.#model.money.get(wallet) ?? { posted: 0, held: 0 };
        return this.#move(act, bankAccount("mill"), walletAccount(wallet), what.amount, () => {
          money.posted += what.amount;
          return {};
        });
      }
      case "send": {
        const [from, to] = [this.#wallet(what.who), this.#wallet(1 - what.who)];
        const act = actOf("send", walletAccount(from), { wallet: from });
        return this.#move(act, walletAccount(from), walletAccount(to), what.amount, () =>
          this.#model.send(from, to, what.amount),
        );
      }
      case "hold":
        return this.#hold(what);
      case "capture":
        return this.#capture(what);
      case "void": {
        const [id, by] = this.#order("hold", what);
        const act = actOf("void_hold", walletAccount(by), { wallet: by, hold: id });
        const command = { op: "void_transfer", ...header, id, settled: null, act } as const;
        return this.#do(command, () => this.#model.void(id, by));
      }
      case "withdraw": {
        const wallet = this.#wallet(what.who);
        const own = { wallet, amount: what.amount, details: "IBAN" };
        const act = actOf("withdraw", walletAccount(wallet), own);
        return this.#pend(act, wallet, WITHDRAWALS, what.amount, null, (id) =>
          this.#model.withdraw({
            kind: "withdrawal",
            id,
            ...own,
            status: "pending",
            bank: null,
            createdAtMs: this.#run.nowMs,
          }),
        );
      }
      case "confirm":
      case "fail":
        return this.#end(what);
      case "request":
        return this.#request(what);
      case "accept":
      case "decline":
      case "cancel":
        return this.#decide(what);
      case "wait":
        this.#run.nowMs += what.ms;
        return this.#model.passTime(this.#run.nowMs);
      case "restart":
        this.#run.ledger = restored([...imageOf(this.#run.ledger.state)], this.#random);
    }
  }

  /** Compares all that can be read with the model. */
  check(): void {
    const { money, orders } = this.#model;
    this.#run.end();
    for (const [wallet, { posted, held }] of money)
      expect(this.#run.ledger.account(PLATFORM_TENANT, walletAccount(wallet))).toMatchObject({
        posted,
        held,
      });
    for (const order of orders) {
      const question = askOrder(order.id);
      expect(question && this.#run.ask(PLATFORM_TENANT, question)).toEqual(order);
    }
    for (const wallet of this.wallets) {
      const lists = {
        holds: (order: WalletOrder) => order.kind === "hold" && order.wallet === wallet,
        payer: (order: WalletOrder) => order.kind === "request" && order.wallet === wallet,
        requester: (order: WalletOrder) => order.kind === "request" && order.requester === wallet,
        withdrawals: (order: WalletOrder) => order.kind === "withdrawal" && order.wallet === wallet,
      };
      const shown = {
        holds: this.#run.ask(PLATFORM_TENANT, askHolds(wallet)(ALL)),
        payer: this.#run.ask(PLATFORM_TENANT, askPaymentRequests("payer", wallet)(ALL)),
        requester: this.#run.ask(PLATFORM_TENANT, askPaymentRequests("requester", wallet)(ALL)),
        withdrawals: this.#run.ask(PLATFORM_TENANT, askWithdrawals(wallet)(ALL)),
      };
      for (const list of ["holds", "payer", "requester", "withdrawals"] as const) {
        const rows: readonly (readonly [unknown, WalletOrder])[] = shown[list].rows;
        expect(rows.map(([, row]) => row)).toEqual(orders.filter(lists[list]).toReversed());
      }
    }
    for (const status of ["pending", "confirmed", "failed", null] as const) {
      const { rows } = this.#run.ask(PLATFORM_TENANT, askAllWithdrawals(status)(ALL));
      expect(rows.map(([, row]) => row)).toEqual(
        orders
          .filter((order) => order.kind === "withdrawal" && order.status === (status ?? order.status))
          .toReversed(),
      );
    }
  }

  checkCopies(): void {
    for (const copy of copiesOf(this.#run.ledger, this.#log)) {
      this.#run.ledger = copy;
      this.check();
    }
  }

  #signUp(email: string): string {
    const person = { email, name: "X", password: "hash", session: email, asset: "USD/2" };
    const act = actOf("sign_up", emailSubject(email), person);
    const { outcome } = this.#run.do({ op: "act", ...header, act });
    const { walletId } = effectOf(outcome) as UserView;
    this.#model.money.set(walletId, { posted: 0, held: 0 });
    return walletId;
  }

  #hold({ who: by, amount: of, memo: why, timeoutMs: ms }: Of<"hold">): void {
    const wallet = this.#wallet(by);
    const act = actOf("hold", walletAccount(wallet), { wallet, amount: of, memo: why, timeoutMs: ms });
    const createdAtMs = this.#run.nowMs;
    const made = { wallet, amount: of, captured: 0, memo: why, status: "pending", createdAtMs } as const;
    this.#pend(act, wallet, HOLDS, of, ms, (id) =>
      this.#model.hold({ kind: "hold", id, ...made, expiresAtMs: createdAtMs + ms }),
    );
  }

  #capture(what: Of<"capture">): void {
    const { part, isFinal: final } = what;
    const [hold, by] = this.#order("hold", what);
    const to = what.toSelf ? by : (this.wallets.find((each) => each !== by) ?? "");
    const act = actOf("capture", walletAccount(by), { wallet: by, hold, final });
    const command = { op: "post_transfer", ...header, id: hold, amount: part, final, settled: null } as const;
    this.#do({ ...command, credit: walletAccount(to), act }, () =>
      this.#model.capture(hold, by, to, part, final),
    );
  }

  #end(what: Of<"confirm" | "fail">): void {
    const [id] = this.#order("withdrawal", { ...what, isOther: false });
    const named = { withdrawal: id, bank: "mill" };
    if (what.do === "fail") {
      const act = actOf("fail_withdrawal", `withdrawal:${id}`, named);
      const command = { op: "void_transfer", ...header, id, settled: null, act } as const;
      return this.#do(command, () => this.#model.end(id, "mill", "failed"));
    }
    const act = actOf("confirm_withdrawal", `withdrawal:${id}`, named);
    const all = { amount: null, final: true, settled: null, credit: bankAccount("mill") } as const;
    const command = { op: "post_transfer", ...header, id, ...all, act } as const;
    return this.#do(command, () => this.#model.end(id, "mill", "confirmed"));
  }

  #request({ who: by, payer: of, amount: asking, memo: why, timeoutMs: ms }: Of<"request">): void {
    const [requester, payer] = [this.#wallet(by), this.#wallet(of)];
    const own = { wallet: requester, payer, amount: asking, memo: why, timeoutMs: ms };
    const act = actOf("request_payment", walletAccount(requester), { ...own, vnode: vnodeOfWallet(payer) });
    const createdAtMs = this.#run.nowMs;
    this.#do({ op: "act", ...header, act }, (effect) => {
      const { id } = (effect ?? { id: "" }) as { id: string };
      if (id !== "") expect(askOrder(id)).toMatchObject({ vnode: vnodeOfWallet(payer) });
      const made = { wallet: payer, requester, amount: asking, memo: why, transfer: null, createdAtMs };
      return this.#model.request({
        kind: "request",
        id,
        ...made,
        status: "pending",
        expiresAtMs: createdAtMs + ms,
      });
    });
  }

  #decide(what: Of<"accept" | "decline" | "cancel">): void {
    const [request, payer, requester] = this.#order("request", what);
    const by = what.do === "cancel" ? requester : payer;
    const named = { wallet: by, request, vnode: 0 };
    if (what.do === "accept") {
      const order = this.#model.find("request", request);
      const to = order?.requester ?? requester;
      const act = actOf("accept_request", walletAccount(by), named);
      return this.#move(act, walletAccount(by), walletAccount(to), order?.amount ?? 1, (id) =>
        this.#model.decide(request, by, "accepted", id),
      );
    }
    const [act, status] =
      what.do === "decline"
        ? ([actOf("decline_request", walletAccount(by), named), "declined"] as const)
        : ([actOf("cancel_request", walletAccount(by), named), "cancelled"] as const);
    return this.#do({ op: "act", ...header, act }, () => this.#model.decide(request, by, status, null));
  }

  #wallet(at: number): string {
    return this.wallets[at] ?? "wal_none";
  }

  /** One of the newest orders with its wallet, or sometimes with another wallet. */
  #order(
    kind: WalletOrder["kind"],
    { which: at, isOther: isNot }: Readonly<{ which: number; isOther: boolean }>,
  ): readonly [id: string, wallet: string, requester: string] {
    const order = this.#model.orders.filter((each) => each.kind === kind).at(-1 - at);
    const wallet = order?.wallet ?? this.#wallet(0);
    const other = this.wallets.find((each) => each !== wallet) ?? "";
    return isNot ? [order?.id ?? NO_ID, other, wallet] : [order?.id ?? NO_ID, wallet, other];
  }

  #pend(
    act: WalletAct,
    wallet: string,
    credit: string,
    of: number,
    ms: number | null,
    expected: (id: string) => Answer,
  ): void {
    const debit = walletAccount(wallet);
    const kind = { available: false, pending: true, timeoutMs: ms, vnode: vnodeOfWallet(wallet) } as const;
    const postings = [{ debit, credit, amount: of }];
    const command = { op: "compound_transfer", ...header, ...noted, ...kind, postings, act } as const;
    this.#do(command, (_, id) => expected(id));
  }

  #move(act: WalletAct, debit: string, credit: string, of: number, expected: (id: string) => Answer): void {
    const vnode = homeVnodeOf(PLATFORM_TENANT, debit, credit, null);
    const command = { op: "transfer", ...header, ...noted, debit, credit, amount: of, vnode, act } as const;
    this.#do(command, (_, id) => expected(id));
  }

  #do(command: Command, expected: (effect: unknown, id: string) => Answer): void {
    const { outcome } = this.#run.do(command);
    const id = outcome.ok && "id" in outcome ? outcome.id : "";
    const answer = expected(outcome.ok ? effectOf(outcome) : undefined, id);
    if ("code" in answer) expect(outcome, JSON.stringify(command)).toEqual({ ok: false, ...answer });
    else expect(effectOf(outcome), JSON.stringify(command)).toEqual(answer.effect);
  }
}

function actOf<A extends WalletAct["act"]>(
  act: A,
  subject: string,
  more: Omit<Extract<WalletAct, Readonly<{ act: A }>>, "programme" | "act" | "subject">,
): WalletAct {
  return { programme: "wallet", act, subject, ...more } as unknown as WalletAct;
}

function effectOf(outcome: Recorded): unknown {
  if (!outcome.ok) return outcome;
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}

test("random commands give the orders and balances of a plain model; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 50 }), (steps) => {
      const world = new World();
      world.take({ do: "deposit", who: 0, amount: 60 });
      for (const each of steps) {
        world.take(each);
        world.check();
      }
      world.checkCopies();
    }),
    { numRuns: runs(200) },
  );
});
