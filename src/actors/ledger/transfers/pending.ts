/** The pending transfers of a shard, which is their home, ordered by expiry. */
import { assert } from "../../../errors/assert.ts";
import { openTransferBytes } from "../../quotas/bytes.ts";
import type { PartnerUsage } from "../../quotas/usage.ts";
import type { Hold, TransferView, Use } from "../../records/compound-command.ts";
import { Deadlines, type Expiring } from "../limits/deadlines.ts";
import { DeadlinesBySubject } from "../limits/deadlines-by-subject.ts";

/** Bound on pending transfers of one shard, all partners together; each takes some hundred bytes. See quotas.ts. */
export const PENDING_MAX = 1_000_000;

export type OpenTransfer = Expiring & {
  readonly partner: string;
  /** Replaced as a whole by each post. */
  view: TransferView;
  /** Amount not yet posted, summed over the postings. */
  remaining: number;
  /** Number of posts so far. */
  part: number;
  /** Holds on this shard. */
  holds: readonly Hold[];
  /** Debits counted against limits of accounts on this shard. */
  readonly uses: readonly Use[];
  /** Other shards that hold a reservation for it. */
  readonly reservedAt: readonly number[];
};

export class PendingTransfers {
  readonly #usageOf: (partner: string) => PartnerUsage;
  readonly #max: number;
  readonly #open = new Map<string, OpenTransfer>();
  /** The transfers that expire. */
  readonly #deadlines = new Deadlines<OpenTransfer>();
  /** The transfers that expire, by account on which they hold something. */
  readonly #byAccount = new DeadlinesBySubject<OpenTransfer>();

  /** @param usageOf returns the counters of a partner's quotas. */
  constructor(usageOf: (partner: string) => PartnerUsage, max = PENDING_MAX) {
    this.#usageOf = usageOf;
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many more pending transfers fit. Not enforced here: quotas.ts checks it before a command is decided. */
  get room(): number {
    return Math.max(0, this.#max - this.#open.size);
  }

  get(id: string): OpenTransfer | undefined {
    return this.#open.get(id);
  }

  add(transfer: OpenTransfer): void {
    assert(!this.#open.has(transfer.id), "a transfer becomes pending once");
    this.#open.set(transfer.id, transfer);
    this.#count(transfer, 1);
    if (transfer.view.expiresAtMs === null) return;
    this.#deadlines.add(transfer);
    for (const key of accountKeysOf(transfer)) this.#byAccount.add(key, transfer);
  }

  /** Removes a transfer that was posted in full, voided or expired. */
  remove(transfer: OpenTransfer): void {
    assert(this.#open.delete(transfer.id), "I10: a transfer is resolved once");
    this.#count(transfer, -1);
    if (transfer.view.expiresAtMs === null) return;
    this.#deadlines.remove(transfer);
    for (const key of accountKeysOf(transfer)) this.#byAccount.removed(key);
  }

  /** Earliest expiry in ms; infinity if there is none. */
  get nextExpiryMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** The transfer with the earliest expiry, if it has expired at `nowMs`. */
  nextExpired(nowMs: number): OpenTransfer | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The same among the transfers that hold something on this account. */
  nextExpiredOf(partner: string, account: string, nowMs: number): OpenTransfer | undefined {
    const first = this.#byAccount.firstOf(accountKeyOf(partner, account));
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  #count({ partner, view }: OpenTransfer, sign: 1 | -1): void {
    const usage = this.#usageOf(partner);
    usage.openTransfers += sign;
    usage.count(sign * openTransferBytes(view));
  }

  /** In no order. */
  all(): Iterable<OpenTransfer> {
    return this.#open.values();
  }
}

function accountKeyOf(partner: string, account: string): string {
  return `${partner}\0${account}`;
}

/** The accounts of a transfer's holds on this shard. Several holds may be on slices of one system account. */
function accountKeysOf({ partner, holds }: OpenTransfer): ReadonlySet<string> {
  return new Set(holds.map(({ account }) => accountKeyOf(partner, account)));
}
