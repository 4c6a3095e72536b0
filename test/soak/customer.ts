/**
 * A simulated customer: it sends commands of every kind, one after the other, and waits for each outcome. It posts,
 * voids, or leaves to expire what it has held, and may revert what it has moved.
 */
import { isDecision, outcomeText } from "../stress/operation.ts";
import type { Random } from "../support/random.ts";
import {
  action,
  BANK,
  FUNDS,
  LIMITED,
  OVERSPENT,
  OWN,
  opening,
  SALES,
  transfer,
  VAULT_FUNDS,
  VAULTS,
} from "./accounts.ts";
import type { Caller, Hearing } from "./caller.ts";
import type { Ask, Posting, Told } from "./entry.ts";
import type { Notebook } from "./notebook.ts";

const AMOUNT_MAX = 40;
const HOT_ACCOUNTS = 5;
const BATCH_ITEMS = 20;
const REVERTIBLE_MAX = 20;
const TIMEOUT_S_MAX = 3;

/** The kinds of commands, with their weights. */
const SHARES = {
  move: 30,
  system: 6,
  overspend: 4,
  batch: 2,
  several: 10,
  hold: 10,
  revert: 5,
  open: 1,
  limit: 2,
  limited: 5,
  vault: 8,
  again: 5,
  read: 10,
  cut: 2,
} as const;
type Deed = keyof typeof SHARES;
const DEEDS = Object.entries(SHARES).flatMap(([deed, share]) => Array<Deed>(share).fill(deed as Deed));

const POOR = ["insufficient_funds"];
const LATE = ["transfer_expired"];

export type CustomerOptions = Readonly<{
  caller: Caller;
  random: Random;
  notebook: Notebook;
  /** Accounts whose limits only this customer changes. */
  limits: readonly string[];
}>;

export class Customer {
  readonly #caller: Caller;
  readonly #random: Random;
  readonly #notebook: Notebook;
  readonly #limits: readonly string[];
  readonly #revertible: string[] = [];

  constructor({ caller, random, notebook, limits }: CustomerOptions) {
    this.#caller = caller;
    this.#random = random;
    this.#notebook = notebook;
    this.#limits = limits;
  }

  async step(): Promise<void> {
    const deed = this.#random.oneOf(DEEDS);
    switch (deed) {
      case "move":
        return this.#move([this.#posting(OWN)]);
      case "several":
        return this.#move(Array.from({ length: 2 + this.#random.below(3) }, () => this.#posting(OWN)));
      case "vault":
        return this.#inVaults();
      case "system":
        return this.#withSystem();
      case "limited":
        return this.#withLimited();
      case "overspend":
        await this.ask({ ...this.#asked([{ ...this.#posting(OWN), amount: OVERSPENT }]), mustFail: true });
        return;
      case "batch":
        return this.#batch();
      case "hold":
        return this.#hold(Array.from({ length: this.#random.chance(0.7) ? 1 : 2 }, () => this.#posting(OWN)));
      case "revert":
        return this.#revert();
      case "open":
        return this.#open();
      case "limit":
        return this.#limit();
      case "again":
        return this.#again();
      case "read":
        return this.#read();
      case "cut":
        return this.#cut();
    }
  }

  /** @returns the id if accepted, `undefined` if rejected or unknown. */
  async ask(ask: Ask, letsGo: () => boolean = () => false): Promise<string | undefined> {
    const hearing = await this.#caller.settle(ask, letsGo, this.#random.chance(0.03));
    return this.#note(ask, hearing);
  }

  #note(ask: Ask, hearing: Hearing): string | undefined {
    this.#notebook.heard(ask, hearing);
    const last = hearing.heard.find(({ answer }) => isDecision(answer))?.answer;
    return last?.is === "accepted" ? last.id : undefined;
  }

  async #move(postings: readonly Posting[]): Promise<void> {
    // Some never retry: the audit must find the outcome.
    const id = await this.ask(this.#asked(postings), () => this.#random.chance(0.3));
    if (id === undefined) return;
    this.#revertible.push(id);
    if (this.#revertible.length > REVERTIBLE_MAX) this.#revertible.shift();
  }

  async #inVaults(): Promise<void> {
    const count = 1 + this.#random.below(2);
    const postings = Array.from({ length: count }, () => ({
      ...this.#posting(VAULTS),
      amount: 1 + this.#random.below(9),
    }));
    if (this.#random.chance(0.2)) await this.#hold(postings);
    else await this.ask(this.#asked(postings));
  }

  async #withSystem(): Promise<void> {
    const account = this.#account(OWN);
    const amount = this.#amount();
    const posting = this.#random.chance(0.5)
      ? { debit_account: BANK, credit_account: account, amount }
      : { debit_account: account, credit_account: SALES, amount };
    await this.ask(this.#asked([posting]));
  }

  async #withLimited(): Promise<void> {
    const pair = [this.#random.oneOf(LIMITED), this.#account(OWN)];
    const [debit_account = "", credit_account = ""] = this.#random.chance(0.5) ? pair : pair.toReversed();
    const postings = [{ debit_account, credit_account, amount: this.#amount() }];
    await this.ask({ ...this.#asked(postings), may: [...POOR, "limit_exceeded"] });
  }

  async #batch(): Promise<void> {
    const asks = Array.from({ length: BATCH_ITEMS }, (): Ask => {
      return { ...this.#asked([this.#posting(OWN)]), kind: "item", path: "/v1/transfers/batch" };
    });
    const hearings = await this.#caller.settleItems(asks);
    for (const [place, ask] of asks.entries()) this.#note(ask, hearings[place] as Hearing);
  }

  async #hold(postings: readonly Posting[]): Promise<void> {
    const random = this.#random;
    const timeout_s = random.chance(0.3) ? 1 + random.below(TIMEOUT_S_MAX) : undefined;
    const more = timeout_s === undefined ? { pending: true } : { pending: true, timeout_s };
    const key = this.#notebook.newKey();
    const id = await this.ask(transfer(key, postings, POOR, more), () => random.chance(0.3));
    const isLeft = random.chance(timeout_s === undefined ? 0.01 : 0.5);
    if (id === undefined || isLeft) return;
    const late = timeout_s === undefined ? [] : LATE;
    if (random.chance(0.35)) {
      const voided = await this.ask(this.#action("void", id, late));
      // It is settled, in whatever way.
      if (voided !== undefined && random.chance(0.2)) await this.#inVain("post", id, "transfer_not_pending");
      return;
    }
    const [only, ...others] = postings;
    if (only !== undefined && others.length === 0 && only.amount > 1 && random.chance(0.5)) {
      const amount = 1 + random.below(only.amount - 1);
      const isFinal = random.chance(0.5);
      const posted = await this.ask(this.#action("post", id, late, { amount, final: isFinal }));
      if (isFinal || posted === undefined || random.chance(0.2)) return;
    }
    await this.ask(this.#action(random.chance(0.8) ? "post" : "void", id, late));
  }

  async #revert(): Promise<void> {
    const id = this.#revertible.splice(this.#random.below(this.#revertible.length), 1)[0];
    if (id === undefined) return;
    const back = await this.ask(this.#action("revert", id, POOR));
    if (back !== undefined && this.#random.chance(0.2)) await this.#inVain("revert", id, "already_reverted");
  }

  async #inVain(kind: "post" | "revert", id: string, code: string): Promise<void> {
    await this.ask({ ...this.#action(kind, id, [code]), mustFail: true });
  }

  async #open(): Promise<void> {
    const id = this.#notebook.newAccount();
    if (id === undefined) return;
    await this.ask(opening(this.#notebook.newKey(), id));
    await this.ask(opening(this.#notebook.newKey(), id, true));
    await this.ask(this.#asked([{ debit_account: BANK, credit_account: id, amount: FUNDS }]));
    await this.ask(
      this.#asked([{ debit_account: id, credit_account: this.#account(OWN), amount: FUNDS / 2 }]),
    );
  }

  async #limit(): Promise<void> {
    if (this.#limits.length === 0) return;
    const random = this.#random;
    const id = random.oneOf(this.#limits);
    const debit = {
      window_s: random.oneOf([1, 10, 60]),
      direction: "debit",
      max_count: 1 + random.below(50),
    };
    const credit = { window_s: 10, direction: "credit", max_amount: 20 + random.below(2_000) };
    const limits = random.oneOf([[], [debit], [debit, credit]]);
    await this.ask({
      key: this.#notebook.newKey(),
      kind: "patch",
      method: "PATCH",
      path: `/v1/accounts/${id}`,
      body: { limits },
      about: null,
      may: [],
      mustFail: false,
    });
  }

  /** Retries an old operation, whatever has happened since. */
  async #again(): Promise<void> {
    const known = this.#notebook.oneKnown(this.#random);
    if (known === undefined) return;
    const { answer, digest } = await this.#caller.once(known.ask);
    if (!isDecision(answer)) return;
    const isSame = digest === known.digest && outcomeText(answer) === outcomeText(known.answer);
    if (isSame && (answer.replayed || known.ask.kind === "item")) return;
    const said = `${outcomeText(answer)}${answer.replayed ? "" : ", not as a repeat"}`;
    this.#notebook.fault(`Key ${known.ask.key} was told ${outcomeText(known.answer)}, and later ${said}.`);
  }

  async #read(): Promise<void> {
    const ids = Array.from({ length: 4 }, () => this.#account(OWN));
    const atLeast = new Map(ids.map((id) => [id, this.#notebook.seqOf(id)]));
    const reply = await this.#caller.read(`/v1/accounts?ids=${ids.map(encodeURIComponent).join(",")}`);
    if (reply === undefined) return;
    const told = accountsIn(reply.body).map((account) => this.#checked(account));
    for (const [id, seq] of told)
      if (seq < (atLeast.get(id) ?? 0))
        this.#notebook.fault(
          `A read shows entry ${seq} of ${id}, which had entry ${atLeast.get(id)} before.`,
        );
    this.#notebook.read(told);
  }

  async #cut(): Promise<void> {
    const reply = await this.#caller.read(`/v1/accounts?ids=${VAULTS.join(",")}&consistent=true`);
    if (reply === undefined) return;
    const accounts = accountsIn(reply.body);
    const { in_transit = {} } = JSON.parse(reply.body) as { in_transit?: Record<string, number> };
    const moving = Object.values(in_transit).reduce((sum, amount) => sum + amount, 0);
    const there = accounts.reduce((sum, { posted }) => sum + posted, 0);
    if (there + moving !== VAULTS.length * VAULT_FUNDS)
      this.#notebook.fault(`The vaults have ${there} and ${moving} on its way: ${reply.body}`);
    this.#notebook.read(accounts.map((account) => this.#checked(account)));
  }

  #checked(account: AccountBody): Told {
    const { id, posted, held, available, seq } = account;
    if (posted < 0 || held < 0 || available < 0 || available !== posted - held)
      this.#notebook.fault(`A read shows ${id} with ${posted} posted, ${held} held, ${available} available.`);
    return [id, seq, posted];
  }

  #asked(postings: readonly Posting[]): Ask {
    return transfer(this.#notebook.newKey(), postings, POOR);
  }

  #action(
    kind: "post" | "void" | "revert",
    id: string,
    may: readonly string[],
    body: Ask["body"] = null,
  ): Ask {
    return action(kind, this.#notebook.newKey(), id, may, body);
  }

  #posting(accounts: readonly string[]): Posting {
    const debit_account = this.#account(accounts);
    let credit_account = this.#account(accounts);
    while (credit_account === debit_account) credit_account = this.#account(accounts);
    return { debit_account, credit_account, amount: this.#amount() };
  }

  #account(accounts: readonly string[]): string {
    return this.#random.oneOf(this.#random.chance(0.1) ? accounts.slice(0, HOT_ACCOUNTS) : accounts);
  }

  #amount(): number {
    return 1 + this.#random.below(AMOUNT_MAX);
  }
}

type AccountBody = Readonly<{ id: string; posted: number; held: number; available: number; seq: number }>;

function accountsIn(body: string): readonly AccountBody[] {
  const { data } = JSON.parse(body) as { data?: readonly AccountBody[] };
  if (data === undefined) throw new Error(`accounts were asked for: ${body}`);
  return data;
}
