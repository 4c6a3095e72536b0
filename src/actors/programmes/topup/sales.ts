/**
 * The sales of one shard that wait for the operator's answer, and those that the partner has decided before the operator
 * did. A sale is removed once the operator has said what became of it, unless that contradicts the partner's decision.
 */
import { assert } from "../../../errors/assert.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { type ListPage, type ListRequest, PagedIndex } from "../paged-index.ts";
import type { OpenSale, OperatorResult, SaleList, SaleStatus, SaleView } from "./acts.ts";

/** What a sale has besides its view. */
type Sale = { -readonly [K in keyof SaleView]: SaleView[K] } & {
  readonly partner: string;
  readonly no: number;
  /** Log time of the contradiction; 0 without one. */
  conflictAtMs: number;
  /** Whether the operator is still to be asked about it. */
  isOpen: boolean;
};

/** Who decided a sale, and why it failed. */
export type SaleDecision = Readonly<{ status: OperatorResult; by: string | null; reason: string | null }>;

export type SaleItem =
  | readonly ["sale", partner: string, no: number, conflictAtMs: number, view: SaleView]
  /** Number of sales that were started on the shard. */
  | readonly ["sales_started", partner: "", count: number];

/**
 * Conflicts, and sales that the partner has decided before the operator, kept per partner and shard. One more removes
 * the oldest; its records and events stay.
 */
export const KEPT_MAX = 1_000;

/** Approximate size in memory. */
const SALE_BYTES = 520;

function saleBytes({ reference, reason }: SaleView): number {
  return SALE_BYTES + textBytes(reference) + textBytes(reason);
}

type Lists = Readonly<{
  /** Pending and unknown ones. */
  undecided: PagedIndex<Sale>;
  /** Decided by the partner, and not by the operator yet. */
  ahead: Set<Sale>;
  conflicts: PagedIndex<Sale>;
  /** The sum of undecided sales, by phone. */
  heldByPhone: Map<string, number>;
}>;

export class Sales {
  readonly #shard: number;
  readonly #countBytes: (partner: string, bytes: number) => void;
  readonly #byId = new Map<string, Sale>();
  /** The open ones by `no`, ascending; those that were closed stay until the next compaction. */
  #order: Sale[] = [];
  #closed = 0;
  #started = 0;
  #conflicts = 0;
  readonly #lists = new Map<string, Lists>();

  /** @param countBytes adds to the bytes that a partner occupies in memory. */
  constructor(shard: number, countBytes: (partner: string, bytes: number) => void) {
    this.#shard = shard;
    this.#countBytes = countBytes;
  }

  /** Conflicts of all partners. */
  get conflicts(): number {
    return this.#conflicts;
  }

  find(partner: string, id: string): SaleView | undefined {
    const sale = this.#byId.get(id);
    return sale?.partner === partner ? sale : undefined;
  }

  /** The amount of the undecided sales to a phone. */
  heldFor(partner: string, phone: string): number {
    return this.#lists.get(partner)?.heldByPhone.get(phone) ?? 0;
  }

  start(
    partner: string,
    terms: Pick<SaleView, "id" | "seller" | "phone" | "amount" | "reference" | "createdAtMs">,
  ): void {
    const open = { status: "pending", decidedBy: null, reason: null, conflict: null } as const;
    this.#put(partner, this.#started + 1, 0, { ...terms, ...open });
  }

  reportUnknown(id: string): void {
    this.#of(id).status = "unknown";
  }

  /** The operator has decided (`by` is `null`), or the partner. */
  decide(id: string, { status, by, reason }: SaleDecision): void {
    const sale = this.#of(id);
    const lists = this.#listsOf(sale.partner);
    this.#release(sale, lists);
    if (by === null) {
      this.#remove(sale);
      return;
    }
    const before = saleBytes(sale);
    Object.assign(sale, { status, decidedBy: by, reason });
    this.#countBytes(sale.partner, saleBytes(sale) - before);
    this.#keepAhead(sale, lists);
  }

  /** The operator's answer to a sale that the partner has decided. */
  answerLate(id: string, answer: OperatorResult, atMs: number): void {
    const sale = this.#of(id);
    const lists = this.#listsOf(sale.partner);
    lists.ahead.delete(sale);
    if (sale.status === answer) {
      this.#remove(sale);
      return;
    }
    this.#close(sale);
    sale.conflict = answer;
    sale.conflictAtMs = atMs;
    this.#keepConflict(sale, lists);
  }

  list(
    partner: string,
    { list, seller, phone }: Readonly<{ list: SaleList; seller: string | null; phone: string | null }>,
    page: ListRequest,
  ): ListPage<SaleView> {
    const lists = this.#lists.get(partner);
    const index = list === "conflict" ? lists?.conflicts : lists?.undecided;
    return (index ?? new PagedIndex<Sale>(this.#shard)).list(page, (sale) => {
      const isShown =
        (list === "conflict" || sale.status === list) &&
        (seller === null || sale.seller === seller) &&
        (phone === null || sale.phone === phone);
      return isShown ? saleView(sale) : undefined;
    });
  }

  /** Up to `limit` sales of all partners with a `no` above `after`, ascending. */
  open(limit: number, after: number): readonly OpenSale[] {
    const found: OpenSale[] = [];
    for (let at = this.#firstAfter(after); at < this.#order.length && found.length < limit; at++) {
      const sale = this.#order[at] as Sale;
      if (!sale.isOpen) continue;
      const { no, partner, id, seller, phone, amount, createdAtMs, status } = sale;
      found.push({ no, partner, id, seller, phone, amount, createdAtMs, status });
    }
    return found;
  }

  *items(): Generator<SaleItem> {
    if (this.#started > 0) yield ["sales_started", "", this.#started];
    for (const { undecided, ahead, conflicts } of this.#lists.values())
      for (const list of [undecided.all(), ahead, conflicts.all()])
        for (const sale of list) yield ["sale", sale.partner, sale.no, sale.conflictAtMs, saleView(sale)];
  }

  restore(item: SaleItem): void {
    if (item[0] === "sales_started") this.#started = item[2];
    else this.#put(item[1], item[2], item[3], item[4]);
  }

  #put(partner: string, no: number, conflictAtMs: number, view: SaleView): void {
    const sale: Sale = { ...view, partner, no, conflictAtMs, isOpen: view.conflict === null };
    assert(!this.#byId.has(sale.id), "the id of a sale is new");
    this.#byId.set(sale.id, sale);
    this.#countBytes(partner, saleBytes(sale));
    this.#started = Math.max(this.#started, no);
    const lists = this.#listsOf(partner);
    if (!sale.isOpen) {
      this.#keepConflict(sale, lists);
      return;
    }
    this.#order.splice(this.#firstAfter(no), 0, sale);
    if (isDecided(sale.status)) {
      this.#keepAhead(sale, lists);
      return;
    }
    lists.undecided.add(sale, sale.createdAtMs);
    lists.heldByPhone.set(sale.phone, this.heldFor(partner, sale.phone) + sale.amount);
  }

  #release(sale: Sale, { undecided, heldByPhone }: Lists): void {
    undecided.remove(sale);
    const held = this.heldFor(sale.partner, sale.phone) - sale.amount;
    if (held === 0) heldByPhone.delete(sale.phone);
    else heldByPhone.set(sale.phone, held);
  }

  #keepAhead(sale: Sale, { ahead }: Lists): void {
    ahead.add(sale);
    if (ahead.size <= KEPT_MAX) return;
    const [oldest] = ahead;
    if (oldest === undefined) return;
    ahead.delete(oldest);
    this.#remove(oldest);
  }

  #keepConflict(sale: Sale, { conflicts }: Lists): void {
    conflicts.add(sale, sale.conflictAtMs);
    this.#conflicts += 1;
    if (conflicts.size <= KEPT_MAX) return;
    const [oldest] = conflicts.all();
    if (oldest === undefined) return;
    conflicts.remove(oldest);
    this.#conflicts -= 1;
    this.#remove(oldest);
  }

  #remove(sale: Sale): void {
    this.#byId.delete(sale.id);
    this.#countBytes(sale.partner, -saleBytes(sale));
    this.#close(sale);
  }

  #close(sale: Sale): void {
    if (!sale.isOpen) return;
    sale.isOpen = false;
    this.#closed += 1;
    if (2 * this.#closed <= this.#order.length + 16) return;
    this.#order = this.#order.filter(({ isOpen }) => isOpen);
    this.#closed = 0;
  }

  #of(id: string): Sale {
    const sale = this.#byId.get(id);
    assert(sale !== undefined, "the sale of an act exists");
    return sale;
  }

  #listsOf(partner: string): Lists {
    let lists = this.#lists.get(partner);
    if (lists === undefined) {
      lists = {
        undecided: new PagedIndex<Sale>(this.#shard),
        ahead: new Set(),
        conflicts: new PagedIndex<Sale>(this.#shard),
        heldByPhone: new Map(),
      };
      this.#lists.set(partner, lists);
    }
    return lists;
  }

  #firstAfter(no: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] as Sale).no <= no) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function isDecided(status: SaleStatus): status is OperatorResult {
  return status === "completed" || status === "failed";
}

/** A copy without what only this file uses. */
export function saleView(sale: SaleView): SaleView {
  const { id, seller, phone, amount, reference, createdAtMs, status, decidedBy, reason, conflict } = sale;
  return { id, seller, phone, amount, reference, createdAtMs, status, decidedBy, reason, conflict };
}
