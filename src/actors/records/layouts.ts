/**
 * V8 chooses how an object stores its numbers by the first ones it sees. Where all were small integers, the first larger
 * one makes it change that for good, and code that is compiled already goes on to make objects of the old kind, each of
 * which is converted when it is used: half a microsecond. (A transfer without a key has the fingerprint 0, one with a key a
 * large one. `node --trace-migration` shows it.)
 *
 * So here one object is kept of each kind of which thousands are made in a second, with `null` where others have numbers: then
 * V8 stores whatever comes. It remembers that as long as one such object is alive, and for literals of the same members in
 * the same order.
 */
import type { Credit, Credited, Transfer, TransferPosted, TransferSent } from "./command.ts";

/** In the place of any number. */
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

let kept: readonly object[] = [];

/** To be called before any other object of these kinds is made. */
export function chooseLayouts(): void {
  kept = [...kept, TRANSFER, CREDIT, POSTED, SENT, CREDITED];
}
