/** A naive model of accounts: applies postings first, checks the result, and undoes everything if a rule is broken. */
import type { CreateAccount, SetAccountStatus, UpdateAccount } from "../../../src/actors/records/command.ts";
import type { Posting } from "../../../src/actors/records/compound-command.ts";
import { WindowModel } from "./limits/window-model.ts";

export type Balance = { posted: bigint; held: bigint; seq: number };
export type Row = Balance & {
  asset: string;
  status: string;
  floor: number | null;
  ceiling: number | null;
  windows: WindowModel[];
};

/** `plain`: a one-posting transfer at once; `post`: any other at once; `capture`: moves an amount held before. */
export type Mode = "plain" | "post" | "hold" | "capture" | "revert";

/** Per balance, the sum of the postings so far, and the largest amount by which they have lowered it at any point. */
type Course = Readonly<{ nets: Map<Balance, bigint>; dips: Map<Balance, bigint> }>;

const MAX = 2n ** 52n;

export class AccountsModel {
  readonly #rows = new Map<string, Row>();
  /** Slices of system accounts by partner, name, asset and owner key of the other account. */
  readonly #slices = new Map<string, Balance>();

  row(partner: string, id: string): Row | undefined {
    return this.#rows.get(`${partner} ${id}`);
  }

  *rows(): Generator<[partner: string, id: string, row: Readonly<Row>]> {
    for (const [key, row] of this.#rows) {
      const [partner = "", id = ""] = key.split(" ");
      yield [partner, id, row];
    }
  }

  *slices(): Generator<
    [partner: string, name: string, asset: string, owner: string, slice: Readonly<Balance>]
  > {
    for (const [key, slice] of this.#slices) {
      const [partner = "", name = "", asset = "", owner = ""] = key.split(" ");
      yield [partner, name, asset, owner, slice];
    }
  }

  create({ partner, id, asset, floor, ceiling, limits = [] }: CreateAccount, nowMs: number): string {
    if (this.#rows.has(`${partner} ${id}`)) return "account_exists";
    if ((floor ?? 0) > 0 || (ceiling ?? 0) < 0) return "balance_conflict";
    const windows = limits.map((limit) => new WindowModel(limit, nowMs - 1));
    const row = { asset, status: "open", floor, ceiling, posted: 0n, held: 0n, seq: 0, windows };
    this.#rows.set(`${partner} ${id}`, row);
    return "ok";
  }

  update({ partner, id, floor, ceiling, limits }: UpdateAccount, nowMs: number): string {
    const row = this.#rows.get(`${partner} ${id}`);
    if (row === undefined) return "account_not_found";
    if (row.status === "closed") return "account_closed";
    const changed = {
      ...row,
      ...(floor !== undefined && { floor }),
      ...(ceiling !== undefined && { ceiling }),
      ...(limits !== undefined && {
        windows: limits.map((limit) => {
          const same = row.windows.find((window) => window.covers(limit));
          return same?.limitedTo(limit) ?? new WindowModel(limit, nowMs);
        }),
      }),
    };
    if (changed.floor !== null && row.posted - row.held < BigInt(changed.floor)) return "balance_conflict";
    if (changed.ceiling !== null && row.posted > BigInt(changed.ceiling)) return "balance_conflict";
    Object.assign(row, changed);
    return "ok";
  }

  setStatus({ partner, id, action }: SetAccountStatus): string {
    const row = this.#rows.get(`${partner} ${id}`);
    if (row === undefined) return "account_not_found";
    if (action === "close") {
      if (row.posted !== 0n || row.held !== 0n) return "account_not_empty";
      row.status = "closed";
      return "ok";
    }
    if (row.status === "closed") return "account_closed";
    row.status = action === "freeze" ? "frozen" : "open";
    return "ok";
  }

  /** Applies all postings in order, or none. @returns the rejection of the first posting that fails */
  move(
    partner: string,
    postings: readonly Posting[],
    mode: Mode,
    holds: Map<Balance, bigint>,
    isEmpty: boolean,
    nowMs: number,
  ): string | undefined {
    const touched = [...this.#rows.values(), ...this.#slices.values()];
    const slices = new Set(this.#slices.keys());
    const undo: (() => void)[] = touched.map((balance) => {
      const { posted, held, seq } = balance;
      return () => void Object.assign(balance, { posted, held, seq });
    });
    for (const { windows } of this.#rows.values()) undo.push(...windows.map((window) => window.mark()));
    const course: Course = { nets: new Map(), dips: new Map() };
    for (const posting of postings) {
      const refusal = this.#movePosting(partner, posting, mode, course, isEmpty, nowMs);
      if (refusal === undefined) continue;
      for (const step of undo) step();
      for (const key of this.#slices.keys()) if (!slices.has(key)) this.#slices.delete(key);
      return refusal;
    }
    if (mode === "hold") for (const [balance, dip] of course.dips) holds.set(balance, dip);
    return undefined;
  }

  #movePosting(
    partner: string,
    { debit, credit, amount }: Posting,
    mode: Mode,
    { nets, dips }: Course,
    isEmpty: boolean,
    nowMs: number,
  ): string | undefined {
    const from = this.#rows.get(`${partner} ${debit}`);
    const to = this.#rows.get(`${partner} ${credit}`);
    if (debit === credit) return "same_account";
    if ((from === undefined && debit[0] !== "@") || (to === undefined && credit[0] !== "@"))
      return "account_not_found";
    const asset = from?.asset ?? to?.asset;
    if (asset === undefined || (to ?? { asset }).asset !== asset) return "asset_mismatch";
    if (from?.status === "closed" || to?.status === "closed") return "account_closed";
    if (from?.status === "frozen" && mode !== "capture") return "account_frozen";
    const paying = from ?? this.#slice(partner, debit, asset, credit);
    const taking = to ?? this.#slice(partner, credit, asset, debit);
    const value = BigInt(amount);
    const net = (nets.get(paying) ?? 0n) - value;
    nets.set(paying, net).set(taking, (nets.get(taking) ?? 0n) + value);
    const dipBefore = dips.get(paying) ?? 0n;
    const dip = -net > dipBefore ? -net : dipBefore;
    dips.set(paying, dip);
    if (mode === "hold") paying.held += dip - dipBefore;
    else {
      enter(paying, -value);
      enter(taking, value);
    }
    const available = paying.posted - paying.held;
    if (isEmpty) return "insufficient_funds";
    if (mode !== "capture" && from && from.floor !== null && available < BigInt(from.floor))
      return "insufficient_funds";
    if (mode !== "hold" && to && to.ceiling !== null && to.posted > BigInt(to.ceiling))
      return "ceiling_exceeded";
    const exceedsLimit = (row: Row | undefined, direction: string) =>
      row?.windows
        .filter(({ limit }) => limit.direction === direction)
        .map((window) => {
          window.count(value, 1, nowMs);
          return window.isExceeded(nowMs);
        })
        .includes(true) ?? false;
    const isLimited = mode !== "revert";
    if (isLimited && mode !== "capture" && exceedsLimit(from, "debit")) return "limit_exceeded";
    if (isLimited && mode !== "hold" && exceedsLimit(to, "credit")) return "limit_exceeded";
    // Another shard may have to hold this amount before it moves.
    const heldMost = paying.held + (mode === "post" || mode === "revert" ? dip : 0n);
    const before = mode === "hold" ? paying.posted : paying.posted - net;
    const holdMax = before > MAX ? before : MAX;
    if (available < -MAX || heldMost > holdMax || (mode !== "hold" && taking.posted > MAX))
      return "balance_out_of_range";
    return undefined;
  }

  #slice(partner: string, name: string, asset: string, other: string): Balance {
    const key = `${partner} ${name} ${asset} ${other.split("/")[0]}`;
    const slice = this.#slices.get(key) ?? { posted: 0n, held: 0n, seq: 0 };
    this.#slices.set(key, slice);
    return slice;
  }
}

function enter(balance: Balance, amount: bigint): void {
  balance.posted += amount;
  balance.seq += 1;
}
