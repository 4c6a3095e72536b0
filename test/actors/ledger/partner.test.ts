import { expect, test } from "vitest";
import type { PlainCommand } from "../../../src/actors/ledger/command-home.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import {
  concernsGateways,
  decideCreateKey,
  factsOf,
  KEYS_PER_PARTNER_MAX,
  type PartnerState,
} from "../../../src/actors/ledger/partner.ts";
import type { CreateKey } from "../../../src/actors/records/command.ts";

function create(index: number): CreateKey {
  const newKey = { id: `key_${index}`, role: "partner", name: "", prefix: "dk", hash: `${index}` } as const;
  return { op: "create_key", partner: "acme", key: null, fingerprint: 0, newKey };
}

test("a partner can have up to KEYS_PER_PARTNER_MAX keys, and a revoked key makes room for another", () => {
  const partner = { id: "acme", name: "Acme", status: "active", createdAtMs: 0 } as const;
  const state: PartnerState = { partner, keys: new Map() };
  for (let index = 0; index < KEYS_PER_PARTNER_MAX; index++) {
    const made = decideCreateKey(state, create(index), 0);
    if (!made.ok) throw new Error(`key ${index} is refused`);
    state.keys.set(made.key.id, made.key);
  }
  expect(decideCreateKey(state, create(-1), 0)).toMatchObject({ ok: false, code: "too_many_keys" });
  state.keys.delete("key_7");
  expect(decideCreateKey(state, create(-1), 0)).toMatchObject({ ok: true });
});

const PARTNER = { id: "acme", name: "Acme", status: "active", createdAtMs: 5 } as const;
const header = { partner: "acme", key: null, fingerprint: 0 } as const;
const newKey = { id: "key_1", role: "bank", name: "mill", prefix: "dk_1", hash: "h" } as const;
const owned = { ...newKey, partner: "acme", createdAtMs: 5 };

test("creating and changing partners and keys yields the facts that gateways need", () => {
  const ledger = new Ledger(0);
  const run = (command: PlainCommand) => {
    const outcome = ledger.decide(command, 5, () => "");
    ledger.apply(command, outcome, { epoch: 1, seq: 1, index: 0, timeMs: 5 }, 0);
    return [outcome, factsOf(command, outcome), concernsGateways(command)] as const;
  };
  const create: PlainCommand = { op: "create_partner", ...header, name: "Acme", firstKey: newKey };
  const rename: PlainCommand = { op: "update_partner", ...header, name: "Acme Ltd" };
  const suspend: PlainCommand = { op: "update_partner", ...header, status: "suspended" };
  const second: PlainCommand = { op: "create_key", ...header, newKey: { ...newKey, id: "key_2" } };
  const revoke: PlainCommand = { op: "revoke_key", ...header, keyId: "key_1" };
  const none = { ok: false, code: "partner_not_found", subject: "acme" };
  for (const command of [rename, second, revoke]) expect(run(command)).toEqual([none, [], true]);
  const key = { fact: "key", key: owned };
  expect(run(create)).toEqual([
    { ok: true, partner: PARTNER },
    [{ fact: "partner", partner: PARTNER }, key],
    true,
  ]);
  expect(run(create)[0]).toEqual({ ok: false, code: "partner_exists", subject: "acme" });
  const renamed = { ...PARTNER, name: "Acme Ltd" };
  expect(run(rename)).toEqual([
    { ok: true, partner: renamed },
    [{ fact: "partner", partner: renamed }],
    true,
  ]);
  const suspended = { ...renamed, status: "suspended" };
  expect(run(suspend)[0]).toEqual({ ok: true, partner: suspended });
  const other = { ...owned, id: "key_2" };
  expect(run(second)).toEqual([{ ok: true, key: other }, [{ fact: "key", key: other }], true]);
  const operator: PlainCommand = { op: "set_operator_key", ...header, keyHash: "o" };
  expect(run(operator)).toEqual([{ ok: true }, [{ fact: "operator_key", hash: "o" }], true]);
  expect(ledger.facts()).toEqual([
    { fact: "partner", partner: suspended },
    key,
    { fact: "key", key: other },
    { fact: "operator_key", hash: "o" },
  ]);
  expect(run(revoke)).toEqual([{ ok: true }, [{ fact: "key_revoked", keyId: "key_1" }], true]);
  expect(run(revoke)[0]).toEqual({ ok: false, code: "key_not_found", subject: "key_1" });
  expect(ledger.facts()).toHaveLength(3);
  expect(concernsGateways({ op: "tick", ...header })).toBe(false);
  const keyless: PlainCommand = { op: "create_partner", ...header, partner: "house", name: "House" };
  expect(run(keyless)[1]).toEqual([{ fact: "partner", partner: { ...PARTNER, id: "house", name: "House" } }]);
});
