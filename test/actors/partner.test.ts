import { expect, test } from "vitest";
import type { CreateKey } from "../../src/actors/command.ts";
import { decideCreateKey, KEYS_PER_PARTNER_MAX, type PartnerState } from "../../src/actors/partner.ts";

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
