/** Partners and their API keys in memory. */

import type { Command, Outcome, Partner, PartnerKey } from "../../src/actors/records/command.ts";
import type { Directory, Principal } from "../../src/gateway/ports.ts";
import { hashOfKey } from "../../src/http/auth.ts";
import { NOW_MS } from "./fake-book.ts";

export const OPERATOR = "dk_operator_test";

type KeyOfPartner = PartnerKey & { lastUsedAtMs: number | null };
type DirectoryCommand = Extract<
  Command,
  { op: "create_partner" | "update_partner" | "create_key" | "revoke_key" | "set_operator_key" }
>;

export class FakeDirectory implements Directory {
  readonly #partners = new Map<string, Partner>();
  readonly #keys = new Map<string, KeyOfPartner>();
  #operatorHash = hashOfKey(OPERATOR);

  addPartner(id: string, keys: Readonly<Record<string, PartnerKey["role"]>>): void {
    this.#partners.set(id, { id, name: id, status: "active", createdAtMs: NOW_MS });
    for (const [secret, role] of Object.entries(keys)) {
      const key = { id: `key_${secret}`, role, name: secret, prefix: "dk_", hash: hashOfKey(secret) };
      this.#keys.set(key.id, { ...key, partner: id, createdAtMs: NOW_MS, lastUsedAtMs: null });
    }
  }

  forgetKeys(): void {
    this.#keys.clear();
  }

  setOperatorKey(key: string): void {
    this.#operatorHash = hashOfKey(key);
  }

  suspend(id: string): void {
    const partner = this.#partners.get(id);
    if (partner !== undefined) this.#partners.set(id, { ...partner, status: "suspended" });
  }

  decide(command: DirectoryCommand): Outcome {
    switch (command.op) {
      case "create_partner":
        return this.#createPartner(command);
      case "update_partner": {
        const before = this.#partners.get(command.partner);
        if (before === undefined) return { ok: false, code: "partner_not_found", subject: command.partner };
        const { name = before.name, status = before.status } = command;
        const partner = { ...before, name, status };
        this.#partners.set(partner.id, partner);
        return { ok: true, partner };
      }
      case "create_key": {
        const key = { ...command.newKey, partner: command.partner, createdAtMs: NOW_MS };
        this.#keys.set(key.id, { ...key, lastUsedAtMs: null });
        return { ok: true, key };
      }
      case "revoke_key":
        if (!this.#keys.delete(command.keyId))
          return { ok: false, code: "key_not_found", subject: command.keyId };
        return { ok: true };
      case "set_operator_key":
        this.#operatorHash = command.keyHash;
        return { ok: true };
    }
  }

  #createPartner(command: Extract<DirectoryCommand, { op: "create_partner" }>): Outcome {
    if (this.#partners.has(command.partner))
      return { ok: false, code: "partner_exists", subject: command.partner };
    const partner: Partner = {
      id: command.partner,
      name: command.name,
      status: "active",
      createdAtMs: NOW_MS,
    };
    this.#partners.set(partner.id, partner);
    if (command.firstKey !== undefined) {
      const { firstKey } = command;
      this.#keys.set(firstKey.id, {
        ...firstKey,
        partner: partner.id,
        createdAtMs: NOW_MS,
        lastUsedAtMs: null,
      });
    }
    return { ok: true, partner };
  }

  principalOf(keyHash: string): Principal | undefined {
    if (keyHash === this.#operatorHash) return { role: "operator" };
    for (const { hash, role, partner, id, name, seller: scope } of this.#keys.values()) {
      if (hash !== keyHash) continue;
      const suspended = this.#partners.get(partner)?.status === "suspended";
      return { role, partner, keyId: id, name, scope, suspended };
    }
    return undefined;
  }

  hasKey(partner: string, keyId: string): boolean {
    return this.keys(partner).some(({ id }) => id === keyId);
  }

  hasClearCustomers(): boolean {
    return false;
  }

  partner(id: string): Partner | undefined {
    return this.#partners.get(id);
  }

  partners(): readonly Partner[] {
    return [...this.#partners.values()];
  }

  keys(partner: string): readonly KeyOfPartner[] {
    return [...this.#keys.values()].filter((key) => key.partner === partner);
  }
}
