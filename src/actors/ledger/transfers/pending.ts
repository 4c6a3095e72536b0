/** Pending transfers that are open at their home, and when the time of each is over. */
import { assert } from "../../../errors/assert.ts";
import { openTransferBytes } from "../../quotas/bytes.ts";
import type { PartnerUsage } from "../../quotas/usage.ts";
import type { Hold, TransferView, Use } from "../../records/compound-command.ts";
import { Deadlines, type Expiring } from "../limits/deadlines.ts";
import { DeadlinesBySubject } from "../limits/deadlines-by-subject.ts";

/** So many, some hundred bytes each, a shard takes of all partners together: see src/actors/quotas/quotas.ts. */
export const PENDING_MAX = 1_000_000;

export type OpenTransfer = Expiring & {
  readonly partner: string;
  /** Replaced as a whole whenever something is posted. */
  view: TransferView;
  /** Of a transfer of one posting, what may still be posted. */
  remaining: number;
  /** How often it was posted. */
  part: number;
  /** What is held for it on this shard. */
  holds: readonly Hold[];
  /** What was counted for it against limits on this shard. */
  readonly uses: readonly Use[];
  /** Other shards that hold something for it. */
  readonly reservedAt: readonly number[];
};

export class PendingTransfers {
  readonly #usageOf: (partner: string) => PartnerUsage;
  readonly #max: number;
  readonly #open = new Map<string, OpenTransfer>();
  /** Those that have a time-out. */
  readonly #deadlines = new Deadlines<OpenTransfer>();
  /** The same by account. */
  readonly #byAccount = new DeadlinesBySubject<OpenTransfer>();

  /** @param usageOf where it counts whose they are. */
  constructor(usageOf: (partner: string) => PartnerUsage, max = PENDING_MAX) {
    this.#usageOf = usageOf;
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many more it should take. */
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

  /** It is pending no more. */
  remove(transfer: OpenTransfer): void {
    assert(this.#open.delete(transfer.id), "I10: a transfer is resolved once");
    this.#count(transfer, -1);
    if (transfer.view.expiresAtMs === null) return;
    this.#deadlines.remove(transfer);
    for (const key of accountKeysOf(transfer)) this.#byAccount.removed(key);
  }

  /** When the next one's time is over. */
  get nextEndMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** The one whose time was over first at `nowMs`. */
  nextDue(nowMs: number): OpenTransfer | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The same among those that hold something on this account. */
  nextDueOf(partner: string, account: string, nowMs: number): OpenTransfer | undefined {
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

/** A transfer's accounts on this shard; a system account may have several slices among them. */
function accountKeysOf({ partner, holds }: OpenTransfer): ReadonlySet<string> {
  return new Set(holds.map(({ account }) => accountKeyOf(partner, account)));
}
