/** A partner and its API keys, owned by the partner's home shard. Gateways keep copies, updated by facts (`Fact`). */
import { factsOfAct, hasFacts } from "../programmes/programmes.ts";
import {
  acceptedOf,
  type Command,
  type CreateKey,
  type CreatePartner,
  type Done,
  type Fact,
  type KeyCreated,
  type NewKey,
  type Outcome,
  type Partner,
  type PartnerChanged,
  type PartnerKey,
  type Rejected,
  type RevokeKey,
  reject,
  type UpdatePartner,
} from "../records/command.ts";

/** Bound on the live keys of one partner. Large, because each seller has at least one key. */
export const KEYS_PER_PARTNER_MAX = 10_000;

/** A partner with its live keys, by key id. */
export type PartnerState = { partner: Partner; readonly keys: Map<string, PartnerKey> };

export function decideCreatePartner(
  state: PartnerState | undefined,
  command: CreatePartner,
  nowMs: number,
): PartnerChanged | Rejected {
  if (state !== undefined) return reject("partner_exists", command.partner);
  return {
    ok: true,
    partner: { id: command.partner, name: command.name, status: "active", createdAtMs: nowMs },
  };
}

export function decideUpdatePartner(
  state: PartnerState | undefined,
  command: UpdatePartner,
): PartnerChanged | Rejected {
  if (state === undefined) return reject("partner_not_found", command.partner);
  const { name = state.partner.name, status = state.partner.status } = command;
  return { ok: true, partner: { ...state.partner, name, status } };
}

export function decideCreateKey(
  state: PartnerState | undefined,
  command: CreateKey,
  nowMs: number,
): KeyCreated | Rejected {
  if (state === undefined) return reject("partner_not_found", command.partner);
  if (state.keys.size >= KEYS_PER_PARTNER_MAX) return reject("too_many_keys", command.partner);
  return { ok: true, key: ownedKey(command.newKey, command.partner, nowMs) };
}

export function decideRevokeKey(state: PartnerState | undefined, command: RevokeKey): Done | Rejected {
  if (state === undefined) return reject("partner_not_found", command.partner);
  return state.keys.has(command.keyId) ? { ok: true } : reject("key_not_found", command.keyId);
}

/** The keys of a new partner, by key id: its first key, or none. */
export function firstKeys(command: CreatePartner, createdAtMs: number): Map<string, PartnerKey> {
  const { firstKey, partner } = command;
  return new Map(firstKey === undefined ? [] : [[firstKey.id, ownedKey(firstKey, partner, createdAtMs)]]);
}

function ownedKey(key: NewKey, partner: string, createdAtMs: number): PartnerKey {
  return { ...key, partner, createdAtMs };
}

const FACT_OPS: ReadonlySet<Command["op"]> = new Set([
  "create_partner",
  "update_partner",
  "create_key",
  "revoke_key",
  "set_operator_key",
] as const);

/** Whether an accepted command of this kind yields facts for the gateways. */
export function concernsGateways(command: Command): boolean {
  return FACT_OPS.has(command.op) || (command.op === "act" && hasFacts(command.act));
}

/** The facts that a record yields for the gateways. */
export function factsOf(command: Command, outcome: Outcome): readonly Fact[] {
  if (!outcome.ok) return [];
  switch (command.op) {
    case "create_partner": {
      const { partner } = acceptedOf(command, outcome);
      const keys = [...firstKeys(command, partner.createdAtMs).values()];
      return [{ fact: "partner", partner }, ...keys.map((key): Fact => ({ fact: "key", key }))];
    }
    case "update_partner":
      return [{ fact: "partner", partner: acceptedOf(command, outcome).partner }];
    case "create_key":
      return [{ fact: "key", key: acceptedOf(command, outcome).key }];
    case "revoke_key":
      return [{ fact: "key_revoked", keyId: command.keyId }];
    case "set_operator_key":
      return [{ fact: "operator_key", hash: command.keyHash }];
    case "act":
      return factsOfAct(command.act, acceptedOf(command, outcome).effect, command.partner);
    default:
      return [];
  }
}
