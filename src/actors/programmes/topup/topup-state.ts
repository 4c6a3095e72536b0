/** The top-up state of one partner on one shard: sellers, their credit requests, and the phones they sold to. */

import { assert } from "../../../errors/assert.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { PagedIndex } from "../paged-index.ts";
import type { ProgrammeContext } from "../programme.ts";
import { SETTLED_BYTES, type SettledItem, SettledItems } from "../settled-items.ts";
import {
  creditAccount,
  type ForgottenRequest,
  type RequestStatus,
  type RequestView,
  type SaleLimits,
  TOPUP_SUBJECT,
  type TopupSettings,
  topupAct,
} from "./acts.ts";
import { PhoneBook } from "./phone-book.ts";
import {
  type DailyUse,
  PhoneUses,
  restoredUse,
  type StoredUse,
  storedUse,
  type UseItem,
} from "./sale-limits.ts";

export interface Seller {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  isSuspended: boolean;
  /** Approved credit, net of decreases. */
  credited: number;
  /** Sales, net of reverts. */
  sold: number;
  /** A credit that falls below this is an event. */
  lowCreditThreshold: number | undefined;
  limits: SaleLimits | null;
  daily: DailyUse;
  /** Number of pending requests. */
  pending: number;
  /** Number of decided requests in memory. */
  decided: number;
  readonly requests: PagedIndex<CreditRequest>;
}

export interface CreditRequest {
  readonly id: string;
  readonly seller: Seller;
  readonly amount: number;
  readonly note: string | null;
  readonly createdAtMs: number;
  /** Id of the API key; absent in older records. */
  readonly requestedBy?: string | undefined;
  decision: Decision | undefined;
  /** Once it is decided. */
  settled?: SettledItem | undefined;
}

export type Decision = Readonly<{
  isApproved: boolean;
  /** By the seller itself. */
  isWithdrawn?: boolean;
  by: string;
  atMs: number;
  reason: string | null;
}>;

type StoredDecision = readonly [
  isApproved: boolean,
  by: string,
  atMs: number,
  reason: string | null,
  ...isWithdrawn: readonly [true] | readonly [],
];

/** What a seller's item has besides, if it is set. */
type SellerExtras =
  | readonly []
  | readonly [lowCreditThreshold: number]
  | readonly [lowCreditThreshold: number | null, limits: SaleLimits, daily: StoredUse | null];

export type Item =
  | readonly [
      "seller",
      partner: string,
      id: string,
      name: string,
      createdAtMs: number,
      isSuspended: boolean,
      credited: number,
      sold: number,
      ...extras: SellerExtras,
    ]
  | readonly [
      "request",
      partner: string,
      id: string,
      seller: string,
      amount: number,
      note: string | null,
      createdAtMs: number,
      decision: StoredDecision | null,
      ...requestedBy: readonly [string] | readonly [],
    ]
  | readonly ["settings", partner: string, settings: TopupSettings]
  | UseItem
  | readonly [
      "phones",
      partner: string,
      phones: readonly (readonly [phone: string, total: number, topups: number])[],
    ];

/**
 * Decided requests of the last 30 days kept per seller, some 600 bytes each. One more removes the oldest; its transfer and
 * its acts stay in the archive.
 */
export const DECIDED_MAX = 10_000;

/** Phones per snapshot item: an item per phone would mostly repeat the kind and the partner. */
const PHONES_PER_ITEM = 256;

/** Approximate sizes in memory. */
const SELLER_BYTES = 470;
const REQUEST_BYTES = 470;

function requestBytes({ note, decision }: CreditRequest): number {
  const settledBytes = decision === undefined ? 0 : SETTLED_BYTES + textBytes(decision.reason);
  return REQUEST_BYTES + textBytes(note) + settledBytes;
}

const FORGET = topupAct("forget", TOPUP_SUBJECT, {});

export class TopupState {
  readonly #shard: number;
  readonly #settled: SettledItems;
  readonly #countBytes: (bytes: number) => void;
  /** By subject. */
  readonly sellers = new Map<string, Seller>();
  readonly requests = new Map<string, CreditRequest>();
  readonly phones: PhoneBook;
  readonly phoneUses: PhoneUses;
  readonly sellerList: PagedIndex<Seller>;
  readonly requestList: PagedIndex<CreditRequest>;
  /** Undecided requests, in a list of their own because they are rare among decided ones. */
  readonly pendingList: PagedIndex<CreditRequest>;

  constructor(
    partner: string,
    { shard, scheduler, countBytes: count }: Pick<ProgrammeContext, "shard" | "scheduler" | "countBytes">,
  ) {
    const countBytes = (bytes: number) => count?.(partner, bytes);
    this.#shard = shard;
    this.#countBytes = countBytes;
    this.#settled = new SettledItems(partner, scheduler, FORGET);
    this.phones = new PhoneBook(countBytes);
    this.phoneUses = new PhoneUses(countBytes);
    this.sellerList = new PagedIndex(shard);
    this.requestList = new PagedIndex(shard);
    this.pendingList = new PagedIndex(shard);
  }

  addSeller(id: string, name: string, createdAtMs: number): Seller {
    const counters = { isSuspended: false, credited: 0, sold: 0, pending: 0, decided: 0 };
    const requests = new PagedIndex<CreditRequest>(this.#shard);
    const rules = { lowCreditThreshold: undefined, limits: null, daily: null };
    const seller: Seller = { id, name, createdAtMs, ...counters, ...rules, requests };
    this.sellers.set(creditAccount(id), seller);
    this.sellerList.add(seller, createdAtMs);
    this.#countBytes(SELLER_BYTES + textBytes(name));
    return seller;
  }

  addRequest(request: CreditRequest): void {
    this.requests.set(request.id, request);
    this.#countBytes(requestBytes(request));
    this.requestList.add(request, request.createdAtMs);
    request.seller.requests.add(request, request.createdAtMs);
    if (request.decision !== undefined) {
      this.#countDecided(request, request.decision);
      return;
    }
    this.pendingList.add(request, request.createdAtMs);
    request.seller.pending += 1;
  }

  settle(request: CreditRequest, decision: Decision): void {
    const before = requestBytes(request);
    request.decision = decision;
    this.#countBytes(requestBytes(request) - before);
    request.seller.pending -= 1;
    this.pendingList.remove(request);
    this.#countDecided(request, decision);
  }

  /** The requests that were decided long enough ago, at most one record full. */
  nextForgotten(nowMs: number): readonly ForgottenRequest[] {
    return this.#settled.nextIds(nowMs).map((id) => {
      const { seller, amount, note, status, createdAtMs, ...decided } = requestView(this.#known(id));
      assert(status !== "pending", "a request that is forgotten is decided");
      const { decidedBy, decidedAtMs, reason, requestedBy = null } = decided;
      return [id, seller, amount, note, status, createdAtMs, decidedBy, decidedAtMs, reason, requestedBy];
    });
  }

  forget(ids: readonly string[], timeMs: number): void {
    const portion = ids.map((id) => {
      const request = this.#known(id);
      assert(request.settled !== undefined, "a request that is forgotten is decided");
      this.#remove(request);
      return request.settled;
    });
    this.#settled.forgotten(portion, timeMs);
  }

  #known(id: string): CreditRequest {
    const request = this.requests.get(id);
    assert(request !== undefined, "a decided request exists");
    return request;
  }

  /** Removes a decided request. */
  #remove(request: CreditRequest): void {
    this.requests.delete(request.id);
    this.#countBytes(-requestBytes(request));
    this.requestList.remove(request);
    request.seller.requests.remove(request);
    request.seller.decided -= 1;
  }

  /** Counts one more decided request of its seller; beyond `DECIDED_MAX`, removes the oldest one. */
  #countDecided(request: CreditRequest, { atMs }: Decision): void {
    const { seller } = request;
    request.settled = this.#settled.add(request.id, atMs);
    seller.decided += 1;
    if (seller.decided <= DECIDED_MAX) return;
    for (const old of seller.requests.all()) {
      if (old.decision === undefined) continue;
      if (old.settled !== undefined) this.#settled.remove(old.settled);
      this.#remove(old);
      return;
    }
  }

  *items(partner: string): Generator<Item> {
    const { limits: phoneLimits } = this.phoneUses;
    if (phoneLimits !== null) yield ["settings", partner, { phoneLimits }];
    for (const seller of this.sellerList.all()) {
      const { id, name, createdAtMs, isSuspended, credited, sold } = seller;
      yield ["seller", partner, id, name, createdAtMs, isSuspended, credited, sold, ...extrasOf(seller)];
    }
    for (const { id, seller, amount, note, createdAtMs, decision, requestedBy } of this.requestList.all()) {
      const fields = [partner, id, seller.id, amount, note, createdAtMs, storedDecision(decision)] as const;
      if (requestedBy === undefined) yield ["request", ...fields];
      else yield ["request", ...fields, requestedBy];
    }
    yield* this.phoneUses.items(partner);
    for (const portion of inPortions(this.phones.all()))
      yield ["phones", partner, portion.map(({ phone, total, topups }) => [phone, total, topups] as const)];
  }

  restore(item: Item): void {
    switch (item[0]) {
      case "seller": {
        const [
          ,
          ,
          id,
          name,
          createdAtMs,
          isSuspended,
          credited,
          sold,
          threshold,
          limits = null,
          daily = null,
        ] = item;
        const figures = { isSuspended, credited, sold, lowCreditThreshold: threshold ?? undefined };
        const rules = { limits, daily: restoredUse(limits, daily) };
        Object.assign(this.addSeller(id, name, createdAtMs), figures, rules);
        return;
      }
      case "request": {
        const [, , id, sellerId, amount, note, createdAtMs, stored, requestedBy] = item;
        const seller = this.sellers.get(creditAccount(sellerId)) as Seller;
        const decision = decisionOf(stored);
        this.addRequest({ id, seller, amount, note, createdAtMs, requestedBy, decision });
        return;
      }
      case "settings":
        this.phoneUses.limits = item[2].phoneLimits;
        return;
      case "use":
        this.phoneUses.restore(item);
        return;
      case "phones":
        for (const [phone, total, topups] of item[2]) this.phones.count(phone, total, topups);
    }
  }
}

function extrasOf({ lowCreditThreshold, limits, daily }: Seller): SellerExtras {
  if (limits !== null) return [lowCreditThreshold ?? null, limits, storedUse(daily)];
  return lowCreditThreshold === undefined ? [] : [lowCreditThreshold];
}

export function requestView(request: CreditRequest): RequestView {
  const { id, seller, amount, note, createdAtMs, decision, requestedBy } = request;
  const { by = null, atMs = null, reason = null } = decision ?? {};
  const status = statusOf(decision);
  const decided = { decidedBy: by, decidedAtMs: atMs, reason };
  const asked = requestedBy === undefined ? {} : { requestedBy };
  return { id, seller: seller.id, amount, note, status, createdAtMs, ...decided, ...asked };
}

function statusOf(decision: Decision | undefined): RequestStatus {
  if (decision === undefined) return "pending";
  if (decision.isWithdrawn === true) return "withdrawn";
  return decision.isApproved ? "approved" : "rejected";
}

function storedDecision(decision: Decision | undefined): StoredDecision | null {
  if (decision === undefined) return null;
  const { isApproved, by, atMs, reason, isWithdrawn } = decision;
  return isWithdrawn === true ? [isApproved, by, atMs, reason, true] : [isApproved, by, atMs, reason];
}

function decisionOf(stored: StoredDecision | null): Decision | undefined {
  if (stored === null) return undefined;
  const [isApproved, by, atMs, reason, isWithdrawn] = stored;
  return { isApproved, by, atMs, reason, ...(isWithdrawn === true && { isWithdrawn }) };
}

function* inPortions<T>(all: Iterable<T>): Generator<readonly T[]> {
  let portion: T[] = [];
  for (const one of all) {
    portion.push(one);
    if (portion.length < PHONES_PER_ITEM) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
