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

function create(no: number): CreateKey {
  const newKey = { id: `key_${no}`, role: "partner", name: "", prefix: "dk", hash: `${no}` } as const;
  return { op: "create_key", partner: "acme", key: null, fingerprint: 0, newKey };
}

test("a partner has keys for its sellers, and no more than it may", () => {
  const partner = { id: "acme", name: "Acme", status: "active", createdAtMs: 0 } as const;
  const state: PartnerState = { partner, keys: new Map() };
  for (let no = 0; no < KEYS_PER_PARTNER_MAX; no++) {
    const made = decideCreateKey(state, create(no), 0);
    if (!made.ok) throw new Error(`key ${no} is refused`);
    state.keys.set(made.key.id, made.key);
  }
  expect(decideCreateKey(state, create(-1), 0)).toMatchObject({ ok: false, code: "too_many_keys" });
  state.keys.delete("key_7");
  expect(decideCreateKey(state, create(-1), 0)).toMatchObject({ ok: true });
});

const PARTNER = { id: "acme", name: "Acme", status: "active", createdAtMs: 5 } as const;
const asked = { partner: "acme", key: null, fingerprint: 0 } as const;
const newKey = { id: "key_1", role: "bank", name: "mill", prefix: "dk_1", hash: "h" } as const;
const owned = { ...newKey, partner: "acme", createdAtMs: 5 };

test("a partner and its keys come, change and go, and all gateways are told", () => {
  const ledger = new Ledger(0);
  const tell = (command: PlainCommand) => {
    const outcome = ledger.decide(command, 5, () => "");
    ledger.apply(command, outcome, { epoch: 1, seq: 1, index: 0, timeMs: 5 }, 0);
    return [outcome, factsOf(command, outcome), concernsGateways(command)] as const;
  };
  const create: PlainCommand = { op: "create_partner", ...asked, name: "Acme", firstKey: newKey };
  const rename: PlainCommand = { op: "update_partner", ...asked, name: "Acme Ltd" };
  const suspend: PlainCommand = { op: "update_partner", ...asked, status: "suspended" };
  const second: PlainCommand = { op: "create_key", ...asked, newKey: { ...newKey, id: "key_2" } };
  const revoke: PlainCommand = { op: "revoke_key", ...asked, keyId: "key_1" };
  const none = { ok: false, code: "partner_not_found", subject: "acme" };
  for (const command of [rename, second, revoke]) expect(tell(command)).toEqual([none, [], true]);
  const key = { fact: "key", key: owned };
  expect(tell(create)).toEqual([
    { ok: true, partner: PARTNER },
    [{ fact: "partner", partner: PARTNER }, key],
    true,
  ]);
  expect(tell(create)[0]).toEqual({ ok: false, code: "partner_exists", subject: "acme" });
  const renamed = { ...PARTNER, name: "Acme Ltd" };
  expect(tell(rename)).toEqual([
    { ok: true, partner: renamed },
    [{ fact: "partner", partner: renamed }],
    true,
  ]);
  const suspended = { ...renamed, status: "suspended" };
  expect(tell(suspend)[0]).toEqual({ ok: true, partner: suspended });
  const other = { ...owned, id: "key_2" };
  expect(tell(second)).toEqual([{ ok: true, key: other }, [{ fact: "key", key: other }], true]);
  const operator: PlainCommand = { op: "set_operator_key", ...asked, keyHash: "o" };
  expect(tell(operator)).toEqual([{ ok: true }, [{ fact: "operator_key", hash: "o" }], true]);
  expect(ledger.facts()).toEqual([
    { fact: "partner", partner: suspended },
    key,
    { fact: "key", key: other },
    { fact: "operator_key", hash: "o" },
  ]);
  expect(tell(revoke)).toEqual([{ ok: true }, [{ fact: "key_revoked", keyId: "key_1" }], true]);
  expect(tell(revoke)[0]).toEqual({ ok: false, code: "key_not_found", subject: "key_1" });
  expect(ledger.facts()).toHaveLength(3);
  expect(concernsGateways({ op: "tick", ...asked })).toBe(false);
  const keyless: PlainCommand = { op: "create_partner", ...asked, partner: "house", name: "House" };
  expect(tell(keyless)[1]).toEqual([
    { fact: "partner", partner: { ...PARTNER, id: "house", name: "House" } },
  ]);
});
