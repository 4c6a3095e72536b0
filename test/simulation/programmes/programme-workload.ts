/** What clients ask of vouchers, top-up, wallets and segments; `members.ts` has loyalty. */

import { CREDIT_SOURCE, creditAccount, phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import {
  customerSubject,
  offerSubject,
  VOUCHERS_SUBJECT,
  voucherAct,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import {
  bankAccount,
  bankSubject,
  emailSubject,
  HOLDS,
  PLATFORM_TENANT,
  vnodeOfWallet,
  WITHDRAWALS,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { vnodeOfOrder } from "../../../src/actors/programmes/wallet/questions.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Random } from "../../support/random.ts";
import { memberCommand } from "../members.ts";
import { question } from "../questions.ts";
import { askedOf } from "../workload.ts";
import { askAlone, askCompound, askMoving, type Keyed, submit, type Tools } from "./asked-act.ts";
import { MonitorWorkload } from "./monitor-workload.ts";
import { PendingSales } from "./pending-sales.ts";
import { SegmentWorkload } from "./segment-workload.ts";
import { WalletBusinessWorkload } from "./wallet-business-workload.ts";

export const PROGRAMMES = ["loyalty", "vouchers", "topup", "wallet", "segments"] as const;
type Name = (typeof PROGRAMMES)[number];

const PEOPLE = 4;
const OFFERS = 2;
const SELLERS = 2;
const PHONES = 3;
const BANKS = 2;
const NEWEST = 6;

/** `redemptions`: the numbers that answers have named. */
type Voucher = Readonly<{ email: string; code: string; redemptions: number[] }>;
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
  readonly #movements: string[] = [];
  readonly #pendingSales: PendingSales;
  readonly #wallets: string[] = [];
  readonly #holds: Held[] = [];
  readonly #withdrawals: string[] = [];
  readonly #payments: Payment[] = [];
  readonly #segments: SegmentWorkload;
  readonly #business: WalletBusinessWorkload;
  readonly #monitors: MonitorWorkload;

  /** @param share of all that clients ask, so much is asked of programmes whatever else they would ask. */
  constructor(random: Random, shards: number, weights: Readonly<Record<Name, number>>, share: number) {
    this.#random = random;
    this.#shards = shards;
    this.#share = share;
    this.#pendingSales = new PendingSales(random, PHONES);
    this.#segments = new SegmentWorkload(random, shards);
    this.#business = new WalletBusinessWorkload(random);
    this.#monitors = new MonitorWorkload(random);
    this.#weights = new Map(PROGRAMMES.map((name) => [name, weights[name]]));
  }

  get isNext(): boolean {
    return this.#share > 0 && this.#random.chance(this.#share);
  }

  act(tools: Tools): void {
    switch (this.#draw()) {
      case "loyalty":
        if (this.#random.chance(0.15)) return this.#monitors.act(tools);
        this.#ofMembers(tools);
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

  #ofMembers(tools: Tools): void {
    const asked = askedOf(tools.partner, tools.newKey());
    const id = this.#random.chance(0.15) ? this.#newest(this.#movements) : undefined;
    if (id === undefined) {
      submit(tools, memberCommand(this.#random, asked, tools.nowMs), (outcome) => {
        if (outcome.ok && "id" in outcome) this.#movements.push(outcome.id);
      });
      return;
    }
    const revert = { ...asked, op: "revert_transfer", id, original: null, vnode: 0 } as Keyed;
    tools.insist(revert, () => tools.done());
  }

  #ofVouchers(tools: Tools): void {
    const random = this.#random;
    const { partner, nowMs } = tools;
    const person = random.below(PEOPLE);
    const email = `v${person}@example.com`;
    const offer = `offer${random.below(OFFERS)}`;
    const subject = customerSubject(email);
    const known = this.#vouchers.get(partner) ?? [];
    this.#vouchers.set(partner, known);
    const expiresAtMs = nowMs + random.oneOf([20, 300, 2_000, 60_000]);
    const ofVoucher = (act: "redeem" | "rollback" | "cancel") => {
      const voucher = this.#newest(known) ?? { email, code: "22ABCDEFGHJKLM", redemptions: [] };
      const { redemptions, ...holder } = voucher;
      const names = { programme: "vouchers", subject: customerSubject(voucher.email), ...holder } as const;
      if (act === "redeem")
        return askAlone(tools, { ...names, act, by: "till" } as Act, (effect) => {
          redemptions.push((effect as { redemption: number }).redemption);
        });
      const redemption = act === "rollback" && random.chance(0.5) ? this.#newest(redemptions) : undefined;
      return askAlone(tools, { ...names, act, ...(redemption !== undefined && { redemption }) });
    };
    const newDiscount = () =>
      random.chance(0.3) ? { amount: 1 + random.below(9), asset: "USD/2" } : 1 + random.below(9_999);
    const newUses = (): Readonly<{ usesMax?: number }> =>
      random.chance(0.5) ? {} : { usesMax: 2 + random.below(3) };
    switch (random.below(12)) {
      case 0:
      case 1: {
        if (random.chance(0.2)) return askAlone(tools, voucherAct("erase_customer", subject, { email }));
        // A key was used before now and then, and may be erased.
        const sealed = `0a0b0c0d-${10 * person + random.below(4)}:sealed`;
        const fields = { email, name: null, person: sealed };
        return askAlone(tools, voucherAct("create_customer", subject, fields));
      }
      case 2: {
        const pricing = random.oneOf(["live", "snapshot"] as const);
        const discount = newDiscount();
        const names = { programme: "vouchers", act: "put_offer", subject: offerSubject(offer) } as const;
        return askAlone(tools, { ...names, name: offer, discount, pricing } as Act);
      }
      case 3: {
        const recipients = Array.from({ length: this.#shards }, () => random.below(3));
        const runAtMs = random.chance(0.5) ? null : nowMs + random.below(500);
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
        const uses = newUses();
        return tools.ask(counted, () => {
          const order = { offer, expiresAtMs, runAtMs, recipients, unknown: null, ...uses };
          if (isCounted) askAlone(tools, voucherAct("create_batch", VOUCHERS_SUBJECT, order));
          else tools.done();
        });
      }
      case 4:
      case 5:
      case 6: {
        const discount = random.chance(0.5) ? null : newDiscount();
        const terms = { email, offer, discount, expiresAtMs, ...newUses() };
        return askAlone(tools, voucherAct("issue", subject, terms), (effect) => {
          known.push({ email, code: (effect as { code: string }).code, redemptions: [] });
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
    switch (random.below(14)) {
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
        if (random.chance(0.1)) return askAlone(tools, { ...decided, act: "withdraw_request" });
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
      case 9:
      case 10:
        return this.#pendingSales.act(tools, seller, amount);
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
    if (random.chance(0.3)) return this.#business.act(tools, wallet, other);
    const moved = (id: string) => this.#business.moved.push(id);
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
        if (ref === null) return askMoving(tools, act, ...move, moved, vnodeOfWallet(wallet));
        return askCompound(tools, act, ...move, {}, moved);
      }
      case 3:
        return askMoving(tools, { ...of, act: "send" }, subject, walletAccount(other), amount, moved);
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
