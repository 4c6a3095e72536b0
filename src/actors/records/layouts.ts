/**
 * Fixes V8's object layouts for the records on the hot path.
 *
 * V8 chooses how an object stores a number field by the first values it sees. If all were small integers, the first
 * larger one deprecates that layout, but code compiled before goes on making objects of the old layout, and each is
 * converted when it is used: half a microsecond. (A transfer without a key has fingerprint 0, one with a key a large
 * number. `node --trace-migration` shows the conversions.)
 *
 * So this module keeps one object of each hot type alive, with `null` in its number fields. While it lives, V8 gives
 * every literal with the same properties in the same order its layout, which stores any value.
 */
import type { Credit, Credited, Transfer, TransferPosted, TransferSent } from "./command.ts";

const ANY = null as unknown as number;

const TRANSFER: Transfer = {
  op: "transfer",
  partner: "",
  key: null,
  fingerprint: ANY,
  debit: "",
  credit: "",
  amount: ANY,
  memo: null,
  metadata: null,
  occurredAtMs: ANY,
  vnode: ANY,
};

const CREDIT: Credit = {
  op: "credit",
  partner: "",
  key: null,
  fingerprint: ANY,
  debit: "",
  credit: "",
  amount: ANY,
  memo: null,
  metadata: null,
  occurredAtMs: ANY,
  id: "",
  createdAtMs: ANY,
  from: ANY,
  no: ANY,
};

const POSTED: TransferPosted = {
  ok: true,
  id: "",
  debitPosted: ANY,
  debitHeld: ANY,
  debitSeq: ANY,
  creditPosted: ANY,
  creditHeld: ANY,
  creditSeq: ANY,
};

const SENT: TransferSent = {
  ok: true,
  id: "",
  debitPosted: ANY,
  debitHeld: ANY,
  debitSeq: ANY,
  to: ANY,
  no: ANY,
};

const CREDITED: Credited = { ok: true, posted: ANY, held: ANY, seq: ANY };

let layoutSamples: readonly object[] = [];

/** Must be called before any other object of these types is created. */
export function chooseLayouts(): void {
  layoutSamples = [...layoutSamples, TRANSFER, CREDIT, POSTED, SENT, CREDITED];
}
