/** The top-up state of one partner on one shard: sellers, their credit requests, and the phones they sold to. */
import { textBytes } from "../../quotas/bytes.ts";
import { PagedIndex } from "../paged-index.ts";
import { creditAccount, type RequestStatus, type RequestView } from "./acts.ts";
import { PhoneBook } from "./phone-book.ts";

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
  decision: Decision | undefined;
}

export type Decision = Readonly<{
  isApproved: boolean;
  by: string;
  atMs: number;
  reason: string | null;
}>;

type StoredDecision = readonly [isApproved: boolean, by: string, atMs: number, reason: string | null];

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
      ...lowCreditThreshold: readonly [number] | readonly [],
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
    ]
  | readonly [
      "phones",
      partner: string,
      phones: readonly (readonly [phone: string, total: number, topups: number])[],
    ];

/**
 * Decided requests kept per seller, some 400 bytes each. One more removes the oldest; its transfer and its acts stay in
 * the archive.
 */
export const DECIDED_MAX = 10_000;

/** Phones per snapshot item: an item per phone would mostly repeat the kind and the partner. */
const PHONES_PER_ITEM = 256;

/** Approximate sizes in memory. */
const SELLER_BYTES = 470;
const REQUEST_BYTES = 470;

function requestBytes({ note, decision }: CreditRequest): number {
  return REQUEST_BYTES + textBytes(note) + textBytes(decision?.reason ?? null);
}

export class TopupState {
  readonly #shard: number;
  readonly #countBytes: (bytes: number) => void;
  /** By subject. */
  readonly sellers = new Map<string, Seller>();
  readonly requests = new Map<string, CreditRequest>();
  readonly phones: PhoneBook;
  readonly sellerList: PagedIndex<Seller>;
  readonly requestList: PagedIndex<CreditRequest>;
  /** Undecided requests, in a list of their own because they are rare among decided ones. */
  readonly pendingList: PagedIndex<CreditRequest>;

  /** @param countBytes adds to the bytes that the partner occupies in memory. */
  constructor(shard: number, countBytes: (bytes: number) => void = () => {}) {
    this.#shard = shard;
    this.#countBytes = countBytes;
    this.phones = new PhoneBook(countBytes);
    this.sellerList = new PagedIndex(shard);
    this.requestList = new PagedIndex(shard);
    this.pendingList = new PagedIndex(shard);
  }

  addSeller(id: string, name: string, createdAtMs: number): Seller {
    const counters = { isSuspended: false, credited: 0, sold: 0, pending: 0, decided: 0 };
    const requests = new PagedIndex<CreditRequest>(this.#shard);
    const seller: Seller = { id, name, createdAtMs, ...counters, lowCreditThreshold: undefined, requests };
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
      this.#countDecided(request.seller);
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
    this.#countDecided(request.seller);
  }

  /** Counts one more decided request of the seller; beyond `DECIDED_MAX`, removes the oldest one. */
  #countDecided(seller: Seller): void {
    seller.decided += 1;
    if (seller.decided <= DECIDED_MAX) return;
    for (const old of seller.requests.all()) {
      if (old.decision === undefined) continue;
      this.requests.delete(old.id);
      this.#countBytes(-requestBytes(old));
      this.requestList.remove(old);
      seller.requests.remove(old);
      seller.decided -= 1;
      return;
    }
  }

  *items(partner: string): Generator<Item> {
    for (const seller of this.sellerList.all()) {
      const { id, name, createdAtMs, isSuspended, credited, sold, lowCreditThreshold } = seller;
      const fields = [partner, id, name, createdAtMs, isSuspended, credited, sold] as const;
      if (lowCreditThreshold === undefined) yield ["seller", ...fields];
      else yield ["seller", ...fields, lowCreditThreshold];
    }
    for (const { id, seller, amount, note, createdAtMs, decision } of this.requestList.all()) {
      const stored: StoredDecision | null =
        decision === undefined ? null : [decision.isApproved, decision.by, decision.atMs, decision.reason];
      yield ["request", partner, id, seller.id, amount, note, createdAtMs, stored];
    }
    for (const portion of inPortions(this.phones.all()))
      yield ["phones", partner, portion.map(({ phone, total, topups }) => [phone, total, topups] as const)];
  }

  restore(item: Item): void {
    switch (item[0]) {
      case "seller": {
        const [, , id, name, createdAtMs, isSuspended, credited, sold, lowCreditThreshold] = item;
        const figures = { isSuspended, credited, sold, lowCreditThreshold };
        Object.assign(this.addSeller(id, name, createdAtMs), figures);
        return;
      }
      case "request": {
        const [, , id, sellerId, amount, note, createdAtMs, stored] = item;
        const seller = this.sellers.get(creditAccount(sellerId)) as Seller;
        this.addRequest({ id, seller, amount, note, createdAtMs, decision: decisionOf(stored) });
        return;
      }
      case "phones":
        for (const [phone, total, topups] of item[2]) this.phones.count(phone, total, topups);
    }
  }
}

export function requestView({ id, seller, amount, note, createdAtMs, decision }: CreditRequest): RequestView {
  const { by = null, atMs = null, reason = null } = decision ?? {};
  const status = statusOf(decision);
  const decided = { decidedBy: by, decidedAtMs: atMs, reason };
  return { id, seller: seller.id, amount, note, status, createdAtMs, ...decided };
}

function statusOf(decision: Decision | undefined): RequestStatus {
  if (decision === undefined) return "pending";
  return decision.isApproved ? "approved" : "rejected";
}

function decisionOf(stored: StoredDecision | null): Decision | undefined {
  if (stored === null) return undefined;
  const [isApproved, by, atMs, reason] = stored;
  return { isApproved, by, atMs, reason };
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
