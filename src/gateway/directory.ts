/** The partners and API keys that every gateway holds, kept up to date by facts from the shards. */

import type { Fact, Partner, PartnerKey } from "../actors/records/command.ts";
import type { Principal } from "./ports.ts";

type KnownKey = PartnerKey & { lastUsedAtMs: number | null };

/** The last use of a key; gateways exchange these. */
export type KeyUse = Readonly<{ keyId: string; atMs: number }>;

export class Directory {
  readonly #partners = new Map<string, Partner>();
  readonly #keysByHash = new Map<string, KnownKey>();
  readonly #hashesById = new Map<string, string>();
  readonly #withClearCustomers = new Set<string>();
  readonly #now: () => number;
  #operatorKeyHash: string | undefined;
  /** An operator key from the environment takes precedence over the one in the log. */
  readonly #operatorKeyPinned: boolean;

  constructor(now: () => number, operatorKeyHash: string | undefined) {
    this.#now = now;
    this.#operatorKeyHash = operatorKeyHash;
    this.#operatorKeyPinned = operatorKeyHash !== undefined;
  }

  get hasOperatorKey(): boolean {
    return this.#operatorKeyHash !== undefined;
  }

  learn(facts: readonly Fact[]): void {
    for (const fact of facts) {
      switch (fact.fact) {
        case "partner":
          this.#partners.set(fact.partner.id, fact.partner);
          break;
        case "key":
          this.#learnKey(fact.key);
          break;
        case "key_revoked": {
          const hash = this.#hashesById.get(fact.keyId);
          if (hash !== undefined) this.#keysByHash.delete(hash);
          this.#hashesById.delete(fact.keyId);
          break;
        }
        case "operator_key":
          if (!this.#operatorKeyPinned) this.#operatorKeyHash = fact.hash;
          break;
        case "clear_customers":
          this.#withClearCustomers.add(fact.partner);
          break;
        case "person_erased":
        case "webhook":
          break;
      }
    }
  }

  /**
   * Takes all facts of a shard, which it sends when it starts to serve. A known key of the shard's partners that is
   * missing from them was revoked while this gateway was not connected.
   */
  learnAll(facts: readonly Fact[]): void {
    const partners = new Set(facts.flatMap((fact) => (fact.fact === "partner" ? [fact.partner.id] : [])));
    const live = new Set(facts.flatMap((fact) => (fact.fact === "key" ? [fact.key.id] : [])));
    for (const key of this.#keysByHash.values()) {
      if (partners.has(key.partner) && !live.has(key.id))
        this.learn([{ fact: "key_revoked", keyId: key.id }]);
    }
    this.learn(facts);
  }

  /** Looks the key up by its hash, so the time that the lookup takes reveals nothing about any key. */
  principalOf(keyHash: string): Principal | undefined {
    if (keyHash === this.#operatorKeyHash) return { role: "operator" };
    const key = this.#keysByHash.get(keyHash);
    if (key === undefined) return undefined;
    key.lastUsedAtMs = this.#now();
    const { role, partner, id, name, seller: scope } = key;
    const suspended = this.#partners.get(partner)?.status !== "active";
    return { role, partner, keyId: id, name, scope, suspended };
  }

  hasClearCustomers(partner: string): boolean {
    return this.#withClearCustomers.has(partner);
  }

  partner(id: string): Partner | undefined {
    return this.#partners.get(id);
  }

  partners(): readonly Partner[] {
    return [...this.#partners.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Oldest first. `lastUsedAtMs` is known only since the server started. */
  keys(partner: string): readonly KnownKey[] {
    return [...this.#keysByHash.values()]
      .filter((key) => key.partner === partner)
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  }

  hasKey(partner: string, keyId: string): boolean {
    return this.#keysByHash.get(this.#hashesById.get(keyId) ?? "")?.partner === partner;
  }

  /** The keys used since `sinceMs`, as far as this gateway knows. */
  usesSince(sinceMs: number): readonly KeyUse[] {
    return [...this.#keysByHash.values()].flatMap(({ id: keyId, lastUsedAtMs: atMs }) =>
      atMs !== null && atMs >= sinceMs ? [{ keyId, atMs }] : [],
    );
  }

  /** Merges key uses from another gateway. @returns those that were newer than what was known. */
  noteUses(uses: readonly KeyUse[]): readonly KeyUse[] {
    return uses.filter(({ keyId, atMs }) => {
      const key = this.#keysByHash.get(this.#hashesById.get(keyId) ?? "");
      if (key === undefined || (key.lastUsedAtMs ?? 0) >= atMs) return false;
      key.lastUsedAtMs = atMs;
      return true;
    });
  }

  #learnKey(key: PartnerKey): void {
    // A restarted shard sends known keys again: keep their last use.
    const lastUsedAtMs = this.#keysByHash.get(key.hash)?.lastUsedAtMs ?? null;
    this.#keysByHash.set(key.hash, { ...key, lastUsedAtMs });
    this.#hashesById.set(key.id, key.hash);
  }
}
