/** A plain model of the loyalty programme of one partner. It shares no code with the programme. */

/** Points with an expiry. `id`: the transfer that accrued them. */
type Lot = { readonly id: string; points: number; readonly expiresAtMs: number };
type Part = readonly [lot: string, points: number, expiresAtMs: number];

type Member = {
  readonly id: string;
  name: string | null;
  readonly createdAtMs: number;
  readonly since: number;
  balance: number;
  earned: number;
  spent: number;
  expired: number;
  lots: Lot[];
  readonly expiredOf: Map<string, number>;
  readonly undone: Set<string>;
  /** Points that begin later, soonest first; of the same moment in the order of their accruals. */
  pending: Pending[];
};

type Pending = Readonly<{ id: string; points: number; expiresAtMs: number | null; activatesAtMs: number }>;

type Moved = Readonly<{
  of: "accrual" | "redemption" | "expiry" | "take_back";
  member: string;
  amount: number;
  seq: number;
  lots: readonly Part[];
  lot?: string;
}> & { isReverted: boolean };

/** The expected effect of a movement, as in its record. */
export type ExpectedEffect = Record<string, unknown> | undefined;
export type Answer = Readonly<{ code: string; subject: string | null } | { effect: ExpectedEffect }>;

const BALANCE_MAX = 2 ** 52;
const SUM_MAX = 2 ** 53 - 1;

const refused = (code: string, subject: string | null) => ({ code, subject });

export class LoyaltyModel {
  readonly members = new Map<string, Member>();
  readonly moved = new Map<string, Moved>();
  readonly sums = { earned: 0n, spent: 0n, expired: 0n };
  settings = { memberThreshold: 1000, totalThreshold: 100_000 };
  /** Points accrued by id, net of reverts, including former members with the same id. */
  readonly #issued = new Map<string, number>();
  readonly #cancelled = new Set<string>();
  /** By member id and reference: the transfer that used it. */
  readonly #references = new Map<string, string>();
  /** Number of entries of each member's account, including those of former members. */
  readonly #seqs = new Map<string, number>();

  create(id: string, name: string | null, nowMs: number): Answer {
    if (this.members.has(id)) return refused("member_exists", id);
    const since = this.#seqs.get(id) ?? 0;
    const totals = { balance: 0, earned: 0, spent: 0, expired: 0 };
    const kept = { lots: [], expiredOf: new Map(), undone: new Set<string>(), pending: [] };
    this.members.set(id, { id, name, createdAtMs: nowMs, since, ...totals, ...kept });
    return { effect: since > 0 ? { since } : undefined };
  }

  rename(id: string, name: string | null): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    member.name = name;
    return { effect: { member: this.view(member) } };
  }

  remove(id: string): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    if (member.pending.length > 0) return refused("account_not_empty", `points:${id}`);
    if (member.balance > 0) return refused("account_not_empty", `points:${id}`);
    this.members.delete(id);
    return { effect: undefined };
  }

  accrue(id: string, amount: number, expiresAtMs: number | undefined, transfer: string): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    if (member.earned + pendingOf(member) + amount > SUM_MAX) return refused("balance_out_of_range", id);
    if (!hasRoom(member, amount)) return refused("balance_out_of_range", id);
    const issued = (this.#issued.get(id) ?? 0) + pendingOf(member) + amount;
    if (issued > BALANCE_MAX) return refused("balance_out_of_range", "@issuance");
    const effect = this.#effectOf(member, amount);
    this.#count(member, "earned", amount);
    if (expiresAtMs !== undefined) give(member, [transfer, amount, expiresAtMs]);
    const lot = expiresAtMs === undefined ? {} : { lot: transfer };
    this.#note(transfer, { of: "accrual", member: id, amount, lots: [], ...lot });
    return { effect };
  }

  accrueLater(id: string, pending: Pending): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    const { points } = pending;
    const { balance, since } = member;
    const promised = pendingOf(member) + points;
    if (member.earned + promised > SUM_MAX || balance + promised > BALANCE_MAX)
      return refused("balance_out_of_range", id);
    if ((this.#issued.get(id) ?? 0) + promised > BALANCE_MAX)
      return refused("balance_out_of_range", "@issuance");
    member.pending = [...member.pending, pending].toSorted((a, b) => a.activatesAtMs - b.activatesAtMs);
    return { effect: { pending: points, since, balance } };
  }

  /** The member whose pending accrual this is. */
  isPending(transfer: string): string | undefined {
    return [...this.members.values()].find(({ pending }) => pending.some(({ id }) => id === transfer))?.id;
  }

  /** The pending points that begin first, if they have begun. */
  nextBegun(nowMs: number): Pending | undefined {
    return [...this.members.values()]
      .flatMap(({ pending }) => pending)
      .filter(({ activatesAtMs }) => activatesAtMs <= nowMs)
      .toSorted((a, b) => a.activatesAtMs - b.activatesAtMs || (a.id < b.id ? -1 : 1))[0];
  }

  activate(transfer: string): Answer {
    const member = this.members.get(this.isPending(transfer) ?? "");
    const pending = member?.pending.find(({ id }) => id === transfer);
    if (member === undefined || pending === undefined) return refused("nothing is pending", transfer);
    const { points, expiresAtMs } = pending;
    member.pending = member.pending.filter((each) => each !== pending);
    const effect = this.#effectOf(member, points);
    this.#count(member, "earned", points);
    if (expiresAtMs !== null) give(member, [transfer, points, expiresAtMs]);
    const lot = expiresAtMs === null ? {} : { lot: transfer };
    this.#note(transfer, { of: "accrual", member: member.id, amount: points, lots: [], ...lot });
    return { effect };
  }

  cancel(id: string, transfer: string): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    member.pending = member.pending.filter((each) => each.id !== transfer);
    this.#cancelled.add(transfer);
    return { effect: undefined };
  }

  redeem(id: string, amount: number, transfer: string, reference?: string): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    const first = this.#references.get(`${id} ${reference}`);
    if (reference !== undefined && first !== undefined) return refused("duplicate_reference", first);
    if (member.balance < amount) return refused("insufficient_funds", `points:${id}`);
    if (reference !== undefined) this.#references.set(`${id} ${reference}`, transfer);
    const lots = take(member, amount);
    const effect = this.#effectOf(member, -amount, lots);
    this.#count(member, "spent", amount);
    this.#note(transfer, { of: "redemption", member: id, amount, lots });
    return { effect };
  }

  /** The expired lot with the earliest expiry. */
  nextOver(nowMs: number): Readonly<{ member: string; lot: string; points: number }> | undefined {
    const over = [...this.members.values()].flatMap(({ id, lots }) =>
      lots
        .filter(({ expiresAtMs }) => expiresAtMs <= nowMs)
        .map((lot) => ({ member: id, lot: lot.id, ...lot })),
    );
    return over.toSorted((a, b) => a.expiresAtMs - b.expiresAtMs || (a.lot < b.lot ? -1 : 1))[0];
  }

  expire(id: string, lot: string, amount: number, transfer: string): Answer {
    const member = this.members.get(id);
    if (member === undefined) return refused("member_not_found", id);
    const lots = take(member, amount, lot);
    const effect = { ...this.#effectOf(member, -amount, lots), ended: lot };
    this.#count(member, "expired", amount);
    member.expiredOf.set(lot, (member.expiredOf.get(lot) ?? 0) + amount);
    this.#note(transfer, { of: "expiry", member: id, amount, lots });
    return { effect };
  }

  revert(id: string, transfer: string): Answer {
    if (this.#cancelled.has(id)) return refused("transfer_not_posted", id);
    const original = this.moved.get(id);
    if (original === undefined) return refused("transfer_not_found", id);
    if (original.isReverted) return refused("already_reverted", id);
    const { of, member: name, amount, seq, lots } = original;
    const member = this.members.get(name);
    if (of === "expiry" || of === "take_back") return refused("managed_account", `points:${name}`);
    if (member === undefined || seq <= member.since) return refused("member_not_found", name);
    if (of === "redemption") {
      if (!hasRoom(member, amount)) return refused("balance_out_of_range", name);
      const back = lots.filter(([lot]) => !member.undone.has(lot));
      const effect = this.#effectOf(member, amount, back);
      for (const part of back) give(member, part);
      this.#count(member, "spent", -amount);
      this.#note(transfer, { of: "take_back", member: name, amount, lots: back });
      original.isReverted = true;
      return { effect };
    }
    const revertible = amount - (original.lot === undefined ? 0 : (member.expiredOf.get(original.lot) ?? 0));
    if (revertible <= 0 || member.balance < revertible)
      return refused("insufficient_funds", `points:${name}`);
    const effect = this.#takeBack(member, revertible, original.lot);
    this.#count(member, "earned", -revertible);
    this.#note(transfer, { of: "take_back", member: name, amount: revertible, lots: [] });
    original.isReverted = true;
    return { effect };
  }

  view(member: Member) {
    const { id, name, balance, earned, spent, expired, createdAtMs, since } = member;
    const pending = pendingOf(member);
    const view = { id, name, balance, held: 0, earned, spent, expired, createdAtMs, since };
    return pending === 0 ? view : { ...view, pending };
  }

  #takeBack(member: Member, amount: number, lot: string | undefined): ExpectedEffect {
    if (lot === undefined) {
      const inLots = member.lots.reduce((sum, { points }) => sum + points, 0);
      const lots = take(member, Math.max(0, amount - (member.balance - inLots)));
      return this.#effectOf(member, -amount, lots);
    }
    const own = member.lots.find(({ id }) => id === lot)?.points ?? 0;
    const lots = take(member, amount, lot);
    member.expiredOf.delete(lot);
    if (own >= amount) return this.#effectOf(member, -amount, lots);
    member.undone.add(lot);
    return { ...this.#effectOf(member, -amount, lots), undone: lot };
  }

  /** The expected effect; call it before the balance changes. */
  #effectOf({ balance }: Member, amount: number, lots: readonly Part[] = []): ExpectedEffect {
    const after = balance + amount;
    const { memberThreshold } = this.settings;
    const isAbove = balance <= memberThreshold && after > memberThreshold;
    const isDepleted = amount < 0 && after === 0;
    if (!isAbove && !isDepleted && lots.length === 0) return undefined;
    return {
      ...(lots.length > 0 && { lots }),
      ...(isAbove && { crossed: "above_threshold" }),
      ...(isDepleted && { crossed: "depleted" }),
    };
  }

  #count(member: Member, figure: "earned" | "spent" | "expired", amount: number): void {
    member[figure] += amount;
    if (figure === "earned") this.#issued.set(member.id, (this.#issued.get(member.id) ?? 0) + amount);
    this.sums[figure] += BigInt(amount);
    member.balance = member.earned - member.spent - member.expired;
    this.#seqs.set(member.id, (this.#seqs.get(member.id) ?? 0) + 1);
  }

  #note(transfer: string, moved: Omit<Moved, "seq" | "isReverted">): void {
    this.moved.set(transfer, { ...moved, seq: this.#seqs.get(moved.member) ?? 0, isReverted: false });
  }
}

export function pendingOf({ pending }: Pick<Member, "pending">): number {
  return pending.reduce((sum, { points }) => sum + points, 0);
}

/** Points that are pending have room when they begin. */
function hasRoom(member: Member, amount: number): boolean {
  const pending = pendingOf(member);
  return pending === 0 || member.balance + pending + amount <= BALANCE_MAX;
}

/** Takes points from the lots: from `first`, then by expiry. */
function take(member: Member, points: number, first?: string): readonly Part[] {
  const parts: Part[] = [];
  let remaining = points;
  for (const lot of member.lots.toSorted((a, b) => Number(b.id === first) - Number(a.id === first))) {
    const part = Math.min(lot.points, remaining);
    if (part > 0) parts.push([lot.id, part, lot.expiresAtMs]);
    lot.points -= part;
    remaining -= part;
  }
  member.lots = member.lots.filter((lot) => lot.points > 0);
  return parts;
}

/** Of lots with the same expiry the older one is spent first. */
function give(member: Member, [id, points, expiresAtMs]: Part): void {
  const known = member.lots.find((lot) => lot.id === id);
  if (known !== undefined) known.points += points;
  else {
    member.lots.push({ id, points, expiresAtMs });
    member.lots = member.lots.toSorted((a, b) => a.expiresAtMs - b.expiresAtMs);
  }
}
