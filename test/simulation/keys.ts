/** API keys of partners: created, used and revoked. After the answer to a revocation, every gateway refuses the key. */
import type { Command } from "../../src/actors/records/command.ts";
import type { Directory } from "../../src/gateway/directory.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import type { Random } from "../support/random.ts";
import { type Question, question } from "./questions.ts";
import type { Oracle } from "./sim-context.ts";
import { askedOf } from "./workload.ts";

const PARTNERS = ["k0", "k1", "k2"];
/** Only the newest keys are used, because gateways may still accept recently revoked ones. */
const NEWEST = 4;

type ApiKey = { readonly id: string; readonly partner: string; isRevoked: boolean };

export class ApiKeys {
  readonly #random: Random;
  readonly #fail: (oracle: Oracle, message: string) => void;
  readonly #keys: ApiKey[] = [];

  constructor(random: Random, fail: (oracle: Oracle, message: string) => void) {
    this.#random = random;
    this.#fail = fail;
  }

  *beginning(newKey: () => string): Generator<Command> {
    for (const partner of PARTNERS)
      yield { ...askedOf(partner, newKey()), op: "create_partner", name: partner };
  }

  make(key: string): Command {
    const partner = this.#random.oneOf(PARTNERS);
    const id = `api-${key}`;
    this.#keys.push({ id, partner, isRevoked: false });
    const newKey = { id, role: "partner", name: id, prefix: id, hash: id } as const;
    return { ...askedOf(partner, key), op: "create_key", newKey };
  }

  /** Revokes one of the newest keys; `undefined` if there is none. */
  revoke(key: string): Command | undefined {
    const chosen = this.#newest(this.#keys.filter(({ isRevoked }) => !isRevoked));
    if (chosen === undefined) return undefined;
    return { ...askedOf(chosen.partner, key), op: "revoke_key", keyId: chosen.id };
  }

  /** Records that the revocation was answered. */
  revoked(keyId: string): void {
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key !== undefined) key.isRevoked = true;
  }

  /** A call with an API key, which the gateway's directory accepts or refuses. */
  use(keyId?: string): Question | undefined {
    const key = keyId === undefined ? this.#newest(this.#keys) : this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) return undefined;
    const { id, partner, isRevoked } = key;
    const account = `a${this.#random.below(40)}`;
    const ask = async (gateway: Gateway, directory: Directory) => {
      if (directory.principalOf(id) === undefined) return "refused";
      await gateway.account(partner, account);
      return "served";
    };
    return question(`a call with ${id}`, ask, (found) => {
      if (isRevoked && found === "served")
        this.#fail(
          "revoked keys are refused",
          `${id} of ${partner} was served after its revocation was answered`,
        );
    });
  }

  #newest(keys: readonly ApiKey[]): ApiKey | undefined {
    return keys.length === 0 ? undefined : this.#random.oneOf(keys.slice(-NEWEST));
  }
}
