/** Scopes of idempotency keys, and keys that are refused because of the time in them. */
import { expect, test } from "vitest";
import { haveSameKey } from "../../../src/actors/ledger/command-home.ts";
import { type KeyState, Ledger } from "../../../src/actors/ledger/ledger.ts";
import { creditAccount, requestOwner } from "../../../src/actors/programmes/topup/acts.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import type { PostTransfer, Tick } from "../../../src/actors/records/compound-command.ts";

const NOW_MS = 1_795_168_800_000;
const MINUTE_MS = 60_000;
const PLACE = { epoch: 1, seq: 7, index: 3, timeMs: NOW_MS };
const FIRST: KeyState = { first: { fingerprint: 5, atSecond: NOW_MS / 1000, epoch: 1, seq: 7, index: 3 } };

const header = { partner: "acme", key: "k", fingerprint: 5 } as const;
const post: PostTransfer = {
  op: "post_transfer",
  ...header,
  id: "tr_0011001",
  amount: null,
  final: false,
  settled: null,
};

/** A ledger whose log holds this command with a rejection. */
function afterRefusalOf(command: Command): Ledger {
  const ledger = new Ledger(0);
  ledger.apply(command, { ok: false, code: "account_frozen", subject: null }, PLACE, 0);
  return ledger;
}

test("keys for two transfers share a scope if their owner is the same, and only then", () => {
  const ledger = afterRefusalOf({ ...post, owner: "alice" });
  const other = { ...post, id: "tr_0011002", fingerprint: 6 };
  expect(ledger.lookUpKey({ ...other, owner: "alice" }, NOW_MS)).toEqual({
    refused: "idempotency_key_reused",
  });
  expect(ledger.lookUpKey({ ...other, owner: "bob" }, NOW_MS)).toBeUndefined();
});

test("a key in a record of an older version, which has no owner, is found by the transfer's id", () => {
  const ledger = afterRefusalOf(post);
  const command = { ...post, owner: "alice" };
  expect(ledger.lookUpKey(command, NOW_MS)).toEqual(FIRST);
  expect(haveSameKey(post, command)).toBe(true);
  expect(haveSameKey({ ...post, id: "tr_0011002" }, command)).toBe(false);
});

test("a key recorded by a tick for a command on another shard has the owner's scope", () => {
  const taken: Tick = { op: "tick", ...header, owner: "alice" };
  const ledger = new Ledger(0);
  ledger.apply(taken, { ok: true }, PLACE, 0);
  expect(ledger.lookUpKey(taken, NOW_MS)).toEqual(FIRST);
  const refused = { refused: "idempotency_key_reused" };
  expect(ledger.lookUpKey({ ...post, owner: "alice", fingerprint: 6 }, NOW_MS)).toEqual(refused);
});

test("the key of a decision on a credit request is found by the request and by the seller", () => {
  const id = `cr_00${"0".repeat(24)}`;
  const act = { programme: "topup", act: "reject", subject: creditAccount("kiosk"), request: id } as const;
  const ledger = afterRefusalOf({ op: "act", ...header, act: { ...act, aliasOwner: requestOwner(id) } });
  const byRequest = { op: "tick", ...header, owner: requestOwner(id) } as const;
  expect(ledger.lookUpKey(byRequest, NOW_MS)).toEqual(FIRST);
  const bySeller = { op: "tick", ...header, owner: creditAccount("kiosk") } as const;
  expect(ledger.lookUpKey(bySeller, NOW_MS)).toEqual(FIRST);
});

test.each([
  [5 * MINUTE_MS, undefined],
  [
    5 * MINUTE_MS + 1,
    { fault: { path: "Idempotency-Key", message: "is a UUIDv7 more than 5 minutes ahead" } },
  ],
  [-24 * 60 * MINUTE_MS, undefined],
  [-24 * 60 * MINUTE_MS - 1, { refused: "idempotency_key_expired" }],
])(
  "a UUIDv7 key created %i ms after log time is accepted, refused as ahead, or refused as expired",
  (aheadMs, state) => {
    const hex = (NOW_MS + aheadMs).toString(16).padStart(12, "0");
    const key = `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8def-0123456789ab`;
    expect(new Ledger(0).lookUpKey({ ...post, key }, NOW_MS)).toEqual(state);
    expect(new Ledger(0).lookUpKey({ ...post, key: key.replace("-7", "-4") }, NOW_MS)).toBeUndefined();
  },
);
