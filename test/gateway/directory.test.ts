import { expect, test } from "vitest";
import type { Fact, PartnerKey } from "../../src/actors/records/command.ts";
import { Directory } from "../../src/gateway/directory.ts";

function partner(status: "active" | "suspended"): Fact {
  return { fact: "partner", partner: { id: "acme", name: "Acme", status, createdAtMs: 1 } };
}

function key(id: string, createdAtMs: number): PartnerKey {
  return { id, role: "partner", name: "", prefix: "dk", hash: `hash-${id}`, partner: "acme", createdAtMs };
}

test("a key is accepted until it is revoked, and its last use is recorded", () => {
  const directory = new Directory(() => 77, undefined);
  directory.learn([partner("active"), { fact: "key", key: key("k1", 1) }]);
  expect(directory.keys("acme")).toMatchObject([{ id: "k1", lastUsedAtMs: null }]);
  expect(directory.principalOf("hash-k1")).toEqual({
    role: "partner",
    partner: "acme",
    keyId: "k1",
    name: expect.any(String),
    seller: undefined,
    suspended: false,
  });
  expect(directory.keys("acme")).toMatchObject([{ id: "k1", lastUsedAtMs: 77 }]);
  directory.learn([{ fact: "key_revoked", keyId: "k1" }]);
  expect(directory.principalOf("hash-k1")).toBeUndefined();
  expect(directory.keys("acme")).toEqual([]);
});

test("facts that a restarted shard sends again change nothing", () => {
  const directory = new Directory(() => 77, undefined);
  const facts: Fact[] = [
    partner("active"),
    { fact: "key", key: key("k2", 2) },
    { fact: "key", key: key("k1", 1) },
  ];
  directory.learn(facts);
  directory.principalOf("hash-k1");
  directory.learn(facts);
  expect(directory.keys("acme").map(({ id, lastUsedAtMs }) => [id, lastUsedAtMs])).toEqual([
    ["k1", 77],
    ["k2", null],
  ]);
});

test("a key that was revoked while the shard was disconnected is removed once the shard serves again", () => {
  const directory = new Directory(() => 77, undefined);
  const other: Fact = { fact: "key", key: { ...key("k9", 1), partner: "other" } };
  directory.learn([
    partner("active"),
    { fact: "key", key: key("k1", 1) },
    { fact: "key", key: key("k2", 2) },
    other,
  ]);
  directory.learnAll([partner("active"), { fact: "key", key: key("k2", 2) }]);
  expect(directory.principalOf("hash-k1")).toBeUndefined();
  expect(directory.principalOf("hash-k2")).toBeDefined();
  expect(directory.principalOf("hash-k9")).toBeDefined();
});

test("every key of a suspended partner is reported as suspended", () => {
  const directory = new Directory(() => 1, undefined);
  directory.learn([partner("active"), { fact: "key", key: key("k1", 1) }, partner("suspended")]);
  expect(directory.principalOf("hash-k1")).toMatchObject({ suspended: true });
});

test("an operator key from the configuration takes precedence over the logged one", () => {
  const logged: Fact = { fact: "operator_key", hash: "logged" };
  const stored = new Directory(() => 1, undefined);
  expect(stored.hasOperatorKey).toBe(false);
  stored.learn([logged]);
  expect(stored.principalOf("logged")).toEqual({ role: "operator" });
  const pinned = new Directory(() => 1, "configured");
  pinned.learn([logged]);
  expect(pinned.principalOf("logged")).toBeUndefined();
  expect(pinned.principalOf("configured")).toEqual({ role: "operator" });
});
