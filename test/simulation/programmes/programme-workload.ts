/** What clients ask of vouchers, top-up, wallets and segments; `members.ts` has loyalty. */

import { MONITORS_SUBJECT } from "../../../src/actors/programmes/monitors/acts.ts";
import { CREDIT_SOURCE, creditAccount, phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import {
  customerSubject,
  offerSubject,
  VOUCHERS_SUBJECT,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import {
  bankAccount,
  bankSubject,
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  vnodeOfOrder,
  vnodeOfWallet,
  WITHDRAWALS,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Random } from "../../support/random.ts";
import { memberCommand } from "../members.ts";
import { question } from "../questions.ts";
import { askedOf } from "../workload.ts";
import { askAlone, askCompound, askMoving, type Keyed, submit, type Tools } from "./asked-act.ts";
import { SegmentWorkload } from "./segment-workload.ts";

export const PROGRAMMES = ["loyalty", "vouchers", "topup", "wallet", "segments"] as const;
type Name = (typeof PROGRAMMES)[number];

const PEOPLE = 4;
const OFFERS = 2;
const SELLERS = 2;
const PHONES = 3;
const BANKS = 2;
const NEWEST = 6;

type Voucher = Readonly<{ email: string; code: string }>;
type Request = Readonly<{ id: string; seller: string; amount: number }>;
type Payment = Readonly<{ id: string; payer: string; requester: string; amount: number }>;
type Held = Readonly<{ id: string; wallet: string }>;

export class ProgrammeWorkload {
  readonly #random: Random;
  readonly #shards: number;
  readonly #weights: ReadonlyMap<Name, number>;
  readonly #share: number;
  readonly #vouchers = new Map<string, Voucher[]>();
  readonly #requests: Request[] = [];
  readonly #sales: string[] = [];
  readonly #wallets: string[] = [];
  readonly #holds: Held[] = [];
  readonly #withdrawals: string[] = [];
  readonly #payments: Payment[] = [];
  readonly #segments: SegmentWorkload;
  readonly #monitors = new Map<string, string[]>();

  /** @param share of all that clients ask, so much is asked of programmes whatever else they would ask. */
  constructor(random: Random, shards: number, weights: Readonly<Record<Name, number>>, share: number) {
    this.#random = random;
    this.#shards = shards;
    this.#share = share;
    this.#segments = new SegmentWorkload(random, shards);
    this.#weights = new Map(PROGRAMMES.map((name) => [name, weights[name]]));
  }

  get isNext(): boolean {
    return this.#share > 0 && this.#random.chance(this.#share);
  }

  act(tools: Tools): void {
    switch (this.#draw()) {
      case "loyalty":
        if (this.#random.chance(0.15)) return this.#ofMonitors(tools);
        tools.insist(
          memberCommand(this.#random, askedOf(tools.partner, tools.newKey()), tools.nowMs) as Keyed,
          () => tools.done(),
        );
        return;
      case "vouchers":
        this.#ofVouchers(tools);
        return;
      case "topup":
        this.#ofTopup(tools);
        return;
      case "wallet":
        this.#ofWallets({ ...tools, partner: PLATFORM_TENANT });
        return;
      case "segments":
        this.#segments.act(tools);
        return;
    }
  }

  /** Monitors of all balances of a partner, and of members. */
  #ofMonitors(tools: Tools): void {
    const random = this.#random;
    const known = this.#monitors.get(tools.partner) ?? [];
    this.#monitors.set(tools.partner, known);
    const of = { programme: "monitors", subject: MONITORS_SUBJECT } as const;
    const deleted = random.chance(0.3) ? known.pop() : undefined;
    if (deleted !== undefined) return askAlone(tools, { ...of, act: "delete_monitor", id: deleted } as Act);
    const prefix = random.oneOf(["", "points:", "owner/"]);
    const target = random.chance(0.3)
      ? { account: random.oneOf(["owner/a", "points:m0"]), prefix: null }
      : { account: null, prefix };
    const field = random.oneOf(["posted", "available", "held"]);
    const rule = { ...target, field, when: random.oneOf(["above", "below"]), value: random.below(20) };
    return askAlone(tools, { ...of, act: "create_monitor", rule } as Act, (effect) => {
      known.push((effect as { monitor: { id: string } }).monitor.id);
    });
  }

  #ofVouchers(tools: Tools): void {
    const random = this.#random;
    const { partner, nowMs } = tools;
    const email = `v${random.below(PEOPLE)}@example.com`;
    const offer = `offer${random.below(OFFERS)}`;
    const subject = customerSubject(email);
    const known = this.#vouchers.get(partner) ?? [];
    this.#vouchers.set(partner, known);
    const expiresAtMs = nowMs + random.oneOf([20, 300, 2_000, 60_000]);
    const ofVoucher = (act: "redeem" | "rollback" | "cancel") => {
      const voucher = this.#newest(known) ?? { email, code: "22ABCDEFGHJKLM" };
      const names = { programme: "vouchers", subject: customerSubject(voucher.email) } as const;
      askAlone(tools, { ...names, act, ...voucher });
    };
    switch (random.below(12)) {
      case 0:
      case 1:
        return askAlone(tools, {
          programme: "vouchers",
          act: "create_customer",
          subject,
          email,
          name: null,
        } as Act);
      case 2: {
        const pricing = random.oneOf(["live", "snapshot"] as const);
        const discount = 1 + random.below(9_999);
        const names = { programme: "vouchers", act: "put_offer", subject: offerSubject(offer) } as const;
        return askAlone(tools, { ...names, name: offer, discount, pricing } as Act);
      }
      case 3: {
        const recipients = Array.from({ length: this.#shards }, () => random.below(3));
        const runAtMs = random.chance(0.5) ? null : nowMs + random.below(500);
        const names = { programme: "vouchers", act: "create_batch", subject: VOUCHERS_SUBJECT } as const;
        // Nobody must be asked for who is not there.
        const counted = question(
          "how many customers",
          (gateway) =>
            gateway.askAll<number>(partner, { programme: "vouchers", subject: null, ask: ["count"] }),
          (counts) => {
            for (const [shard, count] of counts.entries())
              recipients[shard] = Math.min(count, recipients[shard] ?? 0);
            isCounted = true;
          },
        );
        let isCounted = false;
        return tools.ask(counted, () => {
          const act = { ...names, offer, expiresAtMs, runAtMs, recipients, unknown: null } as Act;
          if (isCounted) askAlone(tools, act);
          else tools.done();
        });
      }
      case 4:
      case 5:
      case 6: {
        const discount = random.chance(0.5) ? null : 1 + random.below(9_999);
        const names = { programme: "vouchers", act: "issue", subject, email } as const;
        return askAlone(tools, { ...names, offer, discount, expiresAtMs } as Act, (effect) => {
          known.push({ email, code: (effect as { code: string }).code });
        });
      }
      case 7:
        return ofVoucher("cancel");
      case 8:
      case 9:
        return ofVoucher("rollback");
      default:
        return ofVoucher("redeem");
    }
  }

  #ofTopup(tools: Tools): void {
    const random = this.#random;
    const seller = creditAccount(`s${random.below(SELLERS)}`);
    const of = { programme: "topup", subject: seller } as const;
    const amount = 1 + random.below(30);
    switch (random.below(12)) {
      case 0:
      case 1:
        return askAlone(tools, { ...of, act: "create_seller", name: seller, asset: "USD/2" } as Act);
      case 2: {
        if (random.chance(0.5)) {
          const lowCreditThreshold = random.oneOf([null, 10, 30, 60]);
          return askAlone(tools, { ...of, act: "update_seller", lowCreditThreshold } as Act);
        }
        const act = random.chance(0.3) ? "suspend_seller" : "resume_seller";
        return askAlone(tools, { ...of, act });
      }
      case 3:
      case 4: {
        const wanted = random.chance(0.2) ? -amount : 3 * amount;
        return askAlone(
          tools,
          { ...of, act: "request_credit", amount: wanted, note: null } as Act,
          (effect) => {
            this.#requests.push({ id: (effect as { request: string }).request, seller, amount: wanted });
          },
        );
      }
      case 5:
      case 6:
      case 7: {
        const request = this.#newest(this.#requests);
        if (request === undefined) return tools.done();
        const decided = {
          programme: "topup",
          subject: request.seller,
          request: request.id,
          by: "key",
        } as const;
        if (random.chance(0.2)) return askAlone(tools, { ...decided, act: "reject", reason: null } as Act);
        const isRise = request.amount > 0;
        const [debit, credit] = isRise ? [CREDIT_SOURCE, request.seller] : [request.seller, CREDIT_SOURCE];
        const act = { ...decided, act: "approve", amount: request.amount } as Act;
        return askMoving(tools, act, debit, credit, Math.abs(request.amount));
      }
      case 8: {
        const id = this.#newest(this.#sales);
        if (id === undefined) return tools.done();
        const asked = askedOf(tools.partner, tools.newKey());
        return tools.insist({ ...asked, op: "revert_transfer", id, original: null, vnode: 0 } as Keyed, () =>
          tools.done(),
        );
      }
      default: {
        const phone = `+49${random.below(PHONES)}`;
        const reference = random.chance(0.5) ? `r${random.below(8)}` : null;
        const act = { ...of, act: "sale", phone, reference } as Act;
        return askMoving(tools, act, seller, phoneAccount(phone), amount, (id) => this.#sales.push(id));
      }
    }
  }

  #ofWallets(tools: Tools): void {
    const random = this.#random;
    const wallet = this.#newest(this.#wallets, PEOPLE);
    const other = this.#newest(this.#wallets, PEOPLE);
    const amount = 1 + random.below(20);
    const timeoutMs = random.oneOf([20, 300, 2_000, 60_000]);
    if (wallet === undefined || other === undefined || random.chance(0.1)) {
      const email = `w${random.below(PEOPLE)}@example.com`;
      const person = { email, name: "somebody", password: "hash", session: tools.newKey(), asset: "EUR/2" };
      const act = { programme: "wallet", act: "sign_up", subject: emailSubject(email), ...person } as Act;
      return askAlone(tools, act, (effect) => {
        this.#wallets.push((effect as { walletId: string }).walletId);
      });
    }
    const subject = walletAccount(wallet);
    const of = { programme: "wallet", subject, wallet } as const;
    const bank = `b${random.below(BANKS)}`;
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2: {
        const ref = random.chance(0.6) ? `ref${random.below(10)}` : null;
        const act = {
          programme: "wallet",
          act: "deposit",
          subject: bankSubject(bank),
          wallet,
          bank,
          ref,
        } as Act;
        const move = [bankAccount(bank), subject, 5 * amount] as const;
        // As the route does: with a reference it is decided where the bank's references are.
        if (ref === null) return askMoving(tools, act, ...move, () => {}, vnodeOfWallet(wallet));
        return askCompound(tools, act, ...move, {});
      }
      case 3:
        return askMoving(tools, { ...of, act: "send" }, subject, walletAccount(other), amount);
      case 4:
      case 5: {
        const act = { ...of, act: "hold", amount, memo: null, timeoutMs } as Act;
        return askCompound(tools, act, subject, HOLDS, amount, { pending: true, timeoutMs }, (id) =>
          this.#holds.push({ id, wallet }),
        );
      }
      case 6:
      case 7: {
        const hold = this.#newest(this.#holds);
        if (hold === undefined) return tools.done();
        const owner = walletAccount(hold.wallet);
        const names = { programme: "wallet", subject: owner, wallet: hold.wallet, hold: hold.id } as const;
        const asked = askedOf(PLATFORM_TENANT, tools.newKey());
        const over = { ...asked, id: hold.id, settled: null } as const;
        if (random.chance(0.3))
          return submit(tools, {
            ...over,
            op: "void_transfer",
            act: { ...names, act: "void_hold" },
          });
        const final = random.chance(0.6);
        const part = random.chance(0.5) ? null : amount;
        const act = { ...names, act: "capture", final } as Act;
        const credit = walletAccount(other);
        return submit(tools, { ...over, op: "post_transfer", amount: part, final, credit, act });
      }
      case 8: {
        const act = { ...of, act: "withdraw", amount, details: "somewhere" } as Act;
        const pending = { pending: true, timeoutMs: null };
        return askCompound(tools, act, subject, WITHDRAWALS, amount, pending, (id) =>
          this.#withdrawals.push(id),
        );
      }
      case 9: {
        const id = this.#newest(this.#withdrawals);
        if (id === undefined) return tools.done();
        const names = { programme: "wallet", subject: `withdrawal:${id}`, withdrawal: id, bank } as const;
        const over = { ...askedOf(PLATFORM_TENANT, tools.newKey()), id, settled: null } as const;
        if (random.chance(0.4))
          return submit(tools, {
            ...over,
            op: "void_transfer",
            act: { ...names, act: "fail_withdrawal" },
          });
        const act = { ...names, act: "confirm_withdrawal" } as Act;
        const all = { amount: null, final: true, credit: bankAccount(bank) } as const;
        return submit(tools, { ...over, ...all, op: "post_transfer", act });
      }
      case 10:
      case 11: {
        const vnode = vnodeOfWallet(other);
        const made = { act: "request_payment", vnode, payer: other, amount, memo: null, timeoutMs } as const;
        return askAlone(tools, { ...of, ...made }, (effect) => {
          const { id } = effect as { id: string };
          this.#payments.push({ id, payer: other, requester: wallet, amount });
        });
      }
      default: {
        const payment = this.#newest(this.#payments);
        if (payment === undefined) return tools.done();
        const verb = random.oneOf(["accept", "accept", "decline", "cancel"] as const);
        const who = verb === "cancel" ? payment.requester : payment.payer;
        const act = {
          programme: "wallet",
          act: `${verb}_request`,
          subject: walletAccount(who),
          vnode: vnodeOfOrder(payment.id),
          wallet: who,
          request: payment.id,
        } as Act;
        if (verb !== "accept") return askAlone(tools, act);
        const [debit, credit] = [walletAccount(payment.payer), walletAccount(payment.requester)];
        return askMoving(tools, act, debit, credit, payment.amount);
      }
    }
  }

  #newest<T>(all: readonly T[], among = NEWEST): T | undefined {
    return all.at(-1 - this.#random.below(Math.min(among, Math.max(1, all.length))));
  }

  #draw(): Name {
    const sum = [...this.#weights.values()].reduce((total, weight) => total + weight, 0);
    let dice = this.#random.fraction() * sum;
    for (const [name, weight] of this.#weights) if ((dice -= weight) < 0) return name;
    return "loyalty";
  }
}
