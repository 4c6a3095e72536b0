/** Request bodies: transfers of one point from the issuer to accounts in a scattered order. */
import { Packr } from "msgpackr";
import { accountId } from "../daybook.ts";

/** Coprime to any number of accounts that is used here, so that the order visits all of them before it repeats. */
const STRIDE = 7919;
const BATCH_BODIES_MAX = 100;
const BODY_ITEMS_MAX = 50_000;

type Item = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

export const ENCODINGS = ["json", "msgpack"] as const;
export type Encoding = (typeof ENCODINGS)[number];

export const MEDIA_TYPES = {
  json: "application/json",
  msgpack: "application/msgpack",
} as const satisfies Record<Encoding, string>;

function item(i: number, accounts: number): Item {
  return { debit_account: "@issuance", credit_account: accountId((i * STRIDE) % accounts), amount: 1 };
}

/** One body per account. */
export function singleBodies(accounts: number): string[] {
  return Array.from({ length: accounts }, (_, i) => JSON.stringify(item(i, accounts)));
}

/** JSON batches that contain every account once. */
export function bodiesOverAll(size: number, accounts: number): string[] {
  return Array.from({ length: Math.ceil(accounts / size) }, (_, n) => {
    const items = Array.from({ length: size }, (_none, i) => item(n * size + i, accounts));
    return JSON.stringify({ transfers: items });
  });
}

/** As many different ones as fit into the given number of items. */
export function batchBodies(encoding: Encoding, size: number, accounts: number): (string | Uint8Array)[] {
  const packr = new Packr({ useRecords: false, variableMapSize: true });
  const count = Math.min(BATCH_BODIES_MAX, Math.max(20, Math.floor(BODY_ITEMS_MAX / size)));
  return Array.from({ length: count }, (_, n) => {
    const items = Array.from({ length: size }, (_none, i) => item(n * size + i, accounts));
    return encoding === "json" ? JSON.stringify({ transfers: items }) : Buffer.from(packr.pack(items));
  });
}
