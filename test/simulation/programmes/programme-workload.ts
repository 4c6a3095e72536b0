/** What clients ask of vouchers, top-up, wallets and segments; `members.ts` has loyalty. */
import type { Command, Outcome } from "../../../src/actors/command.ts";
import type { CompoundTransfer } from "../../../src/actors/compound-command.ts";
import type { Act } from "../../../src/actors/programmes/programme.ts";
import {
  addUsers,
  changeUser,
  createSegment,
  createUser,
  deleteSegment,
  raisePercent,
  type Until,
} from "../../../src/actors/programmes/segments/acts.ts";
import type { Draw } from "../../../src/actors/programmes/segments/draw.ts";
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
  HOUSE,
  vnodeOfPaper,
  vnodeOfWallet,
  WITHDRAWALS,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/routing.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import type { Ledger } from "../../../src/http/ports.ts";
import { drawOf, drawOfNobody } from "../../../src/http/segments/percentage.ts";
import type { Random } from "../../support/random.ts";
import { memberCommand } from "../members.ts";
import { type Question, question } from "../questions.ts";
import type { Asked } from "../testimony.ts";
import { askedOf } from "../workload.ts";

export const PROGRAMMES = ["loyalty", "vouchers", "topup", "wallet", "segments"] as const;
type Name = (typeof PROGRAMMES)[number];

const PEOPLE = 4;
const OFFERS = 2;
const SELLERS = 2;
const PHONES = 3;
const SEGMENTS = 2;
const USERS = 24;
const BANKS = 2;
const NEWEST = 6;

/** What a client lends for one act. */
export type Tools = Readonly<{
  partner: string;
  /** About the time of the shards. */
  nowMs: number;
  newKey: () => string;
  /** Asks until it is answered, or given up: then the outcome is not known. */
  insist: (command: Command & Readonly<{ key: string }>, then: (asked: Asked) => void) => void;
  ask: (question: Question, then: () => void) => void;
  done: () => void;
}>;

type Voucher = Readonly<{ email: string; code: string }>;
type Request = Readonly<{ id: string; seller: string; amount: number }>;
type Payment = Readonly<{ id: string; payer: string; requester: string; amount: number }>;
type Held = Readonly<{ id: string; wallet: string }>;
type Drawn = { generation: number; percent: number; isBusy: boolean };

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
  readonly #segments = new Map<string, Drawn>();

  /** @param share of all that clients ask, so much is asked of programmes whatever else they would ask. */
  constructor(random: Random, shards: number, weights: Readonly<Record<Name, number>>, share: number) {
    this.#random = random;
    this.#shards = shards;
    this.#share = share;
    this.#weights = new Map(PROGRAMMES.map((name) => [name, weights[name]]));
  }

  get isNext(): boolean {
    return this.#share > 0 && this.#random.chance(this.#share);
  }

  act(tools: Tools): void {
    switch (this.#draw()) {
      case "loyalty":
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
        this.#ofWallets({ ...tools, partner: HOUSE });
        return;
      case "segments":
        this.#ofSegments(tools);
        return;
    }
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
      this.#alone(tools, { ...names, act, ...voucher });
    };
    switch (random.below(12)) {
      case 0:
      case 1:
        return this.#alone(tools, {
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
        return this.#alone(tools, { ...names, name: offer, discount, pricing } as Act);
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
          if (isCounted) this.#alone(tools, act);
          else tools.done();
        });
      }
      case 4:
      case 5:
      case 6: {
        const discount = random.chance(0.5) ? null : 1 + random.below(9_999);
        const names = { programme: "vouchers", act: "issue", subject, email } as const;
        return this.#alone(tools, { ...names, offer, discount, expiresAtMs } as Act, (effect) => {
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
        return this.#alone(tools, { ...of, act: "create_seller", name: seller, asset: "USD/2" } as Act);
      case 2: {
        const act = random.chance(0.3) ? "suspend_seller" : "resume_seller";
        return this.#alone(tools, { ...of, act });
      }
      case 3:
      case 4: {
        const wanted = random.chance(0.2) ? -amount : 3 * amount;
        return this.#alone(
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
        if (random.chance(0.2)) return this.#alone(tools, { ...decided, act: "reject", reason: null } as Act);
        const isRise = request.amount > 0;
        const [debit, credit] = isRise ? [CREDIT_SOURCE, request.seller] : [request.seller, CREDIT_SOURCE];
        const act = { ...decided, act: "approve", amount: request.amount } as Act;
        return this.#moving(tools, act, debit, credit, Math.abs(request.amount));
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
        return this.#moving(tools, act, seller, phoneAccount(phone), amount, (id) => this.#sales.push(id));
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
      return this.#alone(tools, act, (effect) => {
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
        if (ref === null) return this.#moving(tools, act, ...move, () => {}, vnodeOfWallet(wallet));
        return this.#compound(tools, act, ...move, {});
      }
      case 3:
        return this.#moving(tools, { ...of, act: "send" }, subject, walletAccount(other), amount);
      case 4:
      case 5: {
        const act = { ...of, act: "hold", amount, memo: null, timeoutMs } as Act;
        return this.#compound(tools, act, subject, HOLDS, amount, { pending: true, timeoutMs }, (id) =>
          this.#holds.push({ id, wallet }),
        );
      }
      case 6:
      case 7: {
        const hold = this.#newest(this.#holds);
        if (hold === undefined) return tools.done();
        const owner = walletAccount(hold.wallet);
        const names = { programme: "wallet", subject: owner, wallet: hold.wallet, hold: hold.id } as const;
        const asked = askedOf(HOUSE, tools.newKey());
        const over = { ...asked, id: hold.id, settled: null } as const;
        if (random.chance(0.3))
          return this.#submit(tools, {
            ...over,
            op: "void_transfer",
            act: { ...names, act: "void_hold" },
          });
        const final = random.chance(0.6);
        const part = random.chance(0.5) ? null : amount;
        const act = { ...names, act: "capture", final } as Act;
        const credit = walletAccount(other);
        return this.#submit(tools, { ...over, op: "post_transfer", amount: part, final, credit, act });
      }
      case 8: {
        const act = { ...of, act: "withdraw", amount, details: "somewhere" } as Act;
        const pending = { pending: true, timeoutMs: null };
        return this.#compound(tools, act, subject, WITHDRAWALS, amount, pending, (id) =>
          this.#withdrawals.push(id),
        );
      }
      case 9: {
        const id = this.#newest(this.#withdrawals);
        if (id === undefined) return tools.done();
        const names = { programme: "wallet", subject: `withdrawal:${id}`, withdrawal: id, bank } as const;
        const over = { ...askedOf(HOUSE, tools.newKey()), id, settled: null } as const;
        if (random.chance(0.4))
          return this.#submit(tools, {
            ...over,
            op: "void_transfer",
            act: { ...names, act: "fail_withdrawal" },
          });
        const act = { ...names, act: "confirm_withdrawal" } as Act;
        const all = { amount: null, final: true, credit: bankAccount(bank) } as const;
        return this.#submit(tools, { ...over, ...all, op: "post_transfer", act });
      }
      case 10:
      case 11: {
        const vnode = vnodeOfWallet(other);
        const made = { act: "request_payment", vnode, payer: other, amount, memo: null, timeoutMs } as const;
        return this.#alone(tools, { ...of, ...made }, (effect) => {
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
          vnode: vnodeOfPaper(payment.id),
          wallet: who,
          request: payment.id,
        } as Act;
        if (verb !== "accept") return this.#alone(tools, act);
        const [debit, credit] = [walletAccount(payment.payer), walletAccount(payment.requester)];
        return this.#moving(tools, act, debit, credit, payment.amount);
      }
    }
  }

  #ofSegments(tools: Tools): void {
    const random = this.#random;
    const { partner, nowMs } = tools;
    const slug = `seg${random.below(SEGMENTS)}`;
    const user = () => `u${random.below(USERS)}`;
    const until = (): Until =>
      random.oneOf([
        null,
        null,
        ["after", random.oneOf([20, 300, 2_000])],
        ["at", nowMs + random.below(900)],
      ]);
    const name = `${partner} ${slug}`;
    switch (random.below(14)) {
      case 0:
      case 1: {
        const draw = random.chance(0.3) ? drawOfNobody(random.below(100)) : null;
        // A draw of nobody chooses by the range alone: it is a percentage of those who come later.
        return this.#alone(tools, createSegment(slug, draw), (effect) => {
          const { generation } = effect as { generation: number };
          this.#segments.set(name, { generation, percent: draw?.percent ?? 0, isBusy: false });
        });
      }
      case 2:
        if (random.chance(0.7)) return tools.done();
        this.#segments.delete(name);
        return this.#alone(tools, deleteSegment(slug));
      case 3:
      case 4:
      case 5:
        return this.#raise(tools, name, slug);
      case 6:
      case 7:
        return this.#alone(tools, createUser(user()));
      case 8: {
        const shard = random.below(this.#shards);
        const users = Array.from({ length: 1 + random.below(6) }, user).filter(
          (id) => this.#shardOf(partner, `user:${id}`) === shard,
        );
        const [first] = users;
        if (first === undefined) return tools.done();
        const vnode = vnodeOfAccount(partner, `user:${first}`);
        return this.#alone(tools, addUsers(slug, users, until(), vnode));
      }
      default: {
        const add = random.chance(0.6) ? [[slug, until()] as const] : [];
        const remove = add.length === 0 || random.chance(0.2) ? [`seg${random.below(SEGMENTS)}`] : [];
        return this.#alone(tools, changeUser(user(), { add, remove }));
      }
    }
  }

  /** One at a time for each segment: a draw counts on nobody being chosen between its survey and its record. */
  #raise(tools: Tools, name: string, slug: string): void {
    const drawn = this.#segments.get(name);
    if (drawn === undefined || drawn.isBusy || drawn.percent >= 100) return tools.done();
    const { partner } = tools;
    const percent = Math.min(100, drawn.percent + 1 + this.#random.below(60));
    let draw: Draw | undefined;
    drawn.isBusy = true;
    const survey = question(
      `a draw of ${percent} % of ${slug}`,
      (gateway: Gateway) => drawOf(gateway as unknown as Ledger, partner, slug, percent),
      (told) => {
        draw = told;
      },
    );
    tools.ask(survey, () => {
      const isCurrent = this.#segments.get(name) === drawn;
      if (draw === undefined || !isCurrent) {
        drawn.isBusy = false;
        tools.done();
        return;
      }
      const act = raisePercent(slug, drawn.generation, draw);
      const command = { ...askedOf(partner, tools.newKey()), op: "act", act } as Keyed;
      tools.insist(command, ({ outcome }) => {
        // Of one that was given up nobody knows: it stays busy for ever.
        if (outcome !== undefined) drawn.isBusy = false;
        if (outcome?.ok === true) drawn.percent = percent;
        tools.done();
      });
    });
  }

  #alone(tools: Tools, act: Act, learn: (effect: unknown) => void = () => {}): void {
    const command = { ...askedOf(tools.partner, tools.newKey()), op: "act", act } as Keyed;
    this.#submit(tools, command, (outcome) => {
      if (outcome.ok && "effect" in outcome) learn(outcome.effect);
    });
  }

  #moving(
    tools: Tools,
    act: Act,
    debit: string,
    credit: string,
    amount: number,
    learn: (id: string) => void = () => {},
    vnode = act.vnode ?? vnodeOfAccount(tools.partner, act.subject),
  ): void {
    const noted = { memo: null, metadata: null, occurredAtMs: null };
    const asked = askedOf(tools.partner, tools.newKey());
    const command = { ...asked, ...noted, op: "transfer", debit, credit, amount, vnode, act } as Keyed;
    this.#submit(tools, command, (outcome) => {
      if (outcome.ok && "id" in outcome) learn(outcome.id);
    });
  }

  #compound(
    tools: Tools,
    act: Act,
    debit: string,
    credit: string,
    amount: number,
    shape: Partial<Pick<CompoundTransfer, "pending" | "timeoutMs">>,
    learn: (id: string) => void = () => {},
  ): void {
    const whole = { available: false, pending: false, timeoutMs: null, ...shape };
    const noted = { memo: null, metadata: null, occurredAtMs: null };
    const vnode = vnodeOfAccount(tools.partner, act.subject);
    const asked = askedOf(tools.partner, tools.newKey());
    const postings = [{ debit, credit, amount }];
    const command = { ...asked, ...noted, ...whole, op: "compound_transfer", postings, vnode, act } as Keyed;
    this.#submit(tools, command, (outcome) => {
      if (outcome.ok && "id" in outcome) learn(outcome.id);
    });
  }

  #submit(tools: Tools, command: Command, learn: (outcome: Outcome) => void = () => {}): void {
    tools.insist(command as Keyed, ({ outcome }) => {
      if (outcome !== undefined) learn(outcome);
      tools.done();
    });
  }

  #newest<T>(all: readonly T[], among = NEWEST): T | undefined {
    return all.at(-1 - this.#random.below(Math.min(among, Math.max(1, all.length))));
  }

  #shardOf(partner: string, subject: string): number {
    return shardOfVnode(vnodeOfAccount(partner, subject), this.#shards);
  }

  #draw(): Name {
    const sum = [...this.#weights.values()].reduce((total, weight) => total + weight, 0);
    let dice = this.#random.fraction() * sum;
    for (const [name, weight] of this.#weights) if ((dice -= weight) < 0) return name;
    return "loyalty";
  }
}

type Keyed = Command & Readonly<{ key: string }>;
