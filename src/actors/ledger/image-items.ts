/**
 * The items of an image, besides accounts and slices: the number and the values of each kind, and what restores it. An
 * item is `[kind, ...values]`. New values are only added at the end of an item, and a kind is never reused:
 * docs/WAL_FORMAT.md.
 */
import type { HashSeed } from "../idempotency/scope-hash.ts";
import type { KeyHours } from "../quotas/usage.ts";
import type { JsonValue } from "../records/act.ts";
import type { Partner, PartnerKey } from "../records/command.ts";
import type { Reservation } from "../records/compound-command.ts";
import { writeValue } from "../records/pack.ts";
import type { PackWriter } from "../records/pack-writer.ts";
import type { Message } from "./exchange.ts";
import type { LedgerState } from "./ledger-state.ts";
import { revertClaim } from "./limits/claim-names.ts";
import type { OpenTransfer } from "./transfers/pending.ts";

export const KIND = {
  key_seed: 1,
  keys: 2,
  operator_key: 3,
  partner: 4,
  book: 5,
  account: 6,
  slice: 7,
  crossed: 8,
  exchange: 9,
  message: 10,
  pending: 11,
  reservation: 12,
  reverted: 13,
  programme: 14,
  claims_forgotten: 15,
  claim: 16,
} as const;

/** Accounts and slices, of which there are most, have codecs of their own. */
type ItemKind = Exclude<keyof typeof KIND, "account" | "slice">;

type Items = {
  /** Before all keys; `count` of them follow. */
  key_seed: [seed: HashSeed, count: number];
  /** Entries of the key table as little-endian 32-bit words. */
  keys: [words: Uint8Array];
  operator_key: [hash: string];
  partner: [partner: Partner, keys: readonly PartnerKey[]];
  /** The accounts, slices and totals that follow belong to this partner. `hours` is absent in older images. */
  book: [partner: string, hours?: KeyHours];
  /** In decimal. */
  crossed: [asset: string, sent: string, received: string];
  exchange: [shard: number, forgotten: number, received: number];
  message: [shard: number, message: Message, epoch: number, seq: number, index: number];
  pending: [
    id: string,
    partner: string,
    view: OpenTransfer["view"],
    remaining: number,
    part: number,
    holds: OpenTransfer["holds"],
    uses: OpenTransfer["uses"],
    reservedAt: OpenTransfer["reservedAt"],
  ];
  reservation: [id: string, reservation: Reservation];
  /** Only in images of older versions: a revert's claim without its log position. */
  reverted: [id: string, by: string];
  /** The programme defines the item. */
  programme: [programme: string, item: readonly JsonValue[]];
  /** Of the newest forgotten claim. Before all claims. */
  claims_forgotten: [epoch: number, seq: number];
  /** In log order. */
  claim: [name: string, by: string, epoch: number, seq: number];
};

export function writeItem<K extends ItemKind>(writer: PackWriter, kind: K, ...values: Items[K]): void {
  writeValue(writer, [KIND[kind], ...values]);
}

/** A state that is being restored. `partner` owns the accounts that follow. */
export type Restoring = { readonly state: LedgerState; partner: string };

const RESTORE: { readonly [K in ItemKind]: (to: Restoring, ...values: Items[K]) => void } = {
  key_seed: ({ state }, seed, count) => {
    state.keys.reseed(seed, count);
  },
  keys: ({ state }, words) => {
    // The copy is aligned to 4 bytes, as a Uint32Array requires.
    state.keys.restore(new Uint32Array(new Uint8Array(words).buffer));
  },
  operator_key: ({ state }, hash) => {
    state.operatorKeyHash = hash;
  },
  partner: ({ state }, partner, keys) => {
    state.partners.set(partner.id, { partner, keys: new Map(keys.map((key) => [key.id, key])) });
  },
  book: (to, partner, hours = []) => {
    to.partner = partner;
    to.state.book(partner).usage.keys.restore(hours);
  },
  crossed: ({ state, partner }, asset, sent, received) => {
    state.book(partner).restoreCrossed(asset, BigInt(sent), BigInt(received));
  },
  exchange: ({ state }, shard, forgotten, received) => {
    state.exchange(shard).restore(forgotten, received);
  },
  message: ({ state }, shard, message, epoch, seq, index) => {
    state.exchange(shard).send(message, { epoch, seq, index });
  },
  pending: ({ state }, id, partner, view, remaining, part, holds, uses, reservedAt) => {
    const endsAtMs = view.expiresAtMs ?? Number.POSITIVE_INFINITY;
    const open = { id, partner, endsAtMs, place: -1, view, remaining, part, holds, uses, reservedAt };
    state.compound.pending.add(open);
  },
  reservation: ({ state }, id, reservation) => {
    state.compound.reservations.restore(state.book(reservation.partner), id, reservation);
  },
  reverted: ({ state }, id, by) => {
    state.claims.restore(revertClaim(id), by);
  },
  programme: ({ state }, programme, item) => {
    state.programmes.restore(programme, item);
  },
  claims_forgotten: ({ state }, epoch, seq) => {
    state.claims.restoreForgotten({ epoch, seq });
  },
  claim: ({ state }, name, by, epoch, seq) => {
    state.claims.restore(name, by, { epoch, seq });
  },
};

type RestoreItem = (to: Restoring, ...values: readonly unknown[]) => void;

// The one place that trusts the bytes of an image: `writeItem` wrote each kind's values, and a snapshot has checksums.
const BY_NUMBER: ReadonlyMap<unknown, RestoreItem> = new Map(
  Object.entries(RESTORE).map(([kind, restore]) => [KIND[kind as ItemKind], restore as RestoreItem]),
);

/** @throws TypeError if the item is of a newer version. */
export function restoreItem(to: Restoring, [kind, ...values]: readonly unknown[]): void {
  const restore = BY_NUMBER.get(kind);
  if (restore === undefined) throw new TypeError(`unknown item ${String(kind)} in an image`);
  restore(to, ...values);
}
