/** A scratch partner for samples of events, and wallet users beside it: everything here has `scratch` in its name. */
import { randomBytes } from "node:crypto";
import { ServerClient, ServerRefusal } from "../server/server-client.ts";

/** The partner of all samples but those of wallets, whose users belong to `house`. */
export const SCRATCH_PARTNER = "scratch";
export const WALLET_PARTNER = "house";
const KEY_NAME = "scratch";

type Key = Readonly<{ id: string; api_key: string }>;
export type WalletUser = Readonly<{ wallet: string; client: ServerClient }>;

export class Scratch {
  readonly #url: string;
  readonly #operator: ServerClient;
  readonly #keys: Readonly<{ partner: string; id: string }>[] = [];
  readonly #clients = new Map<string, Promise<ServerClient>>();

  constructor(url: string, operatorKey: string) {
    this.#url = url;
    this.#operator = new ServerClient(url, operatorKey);
  }

  /** The client of the scratch partner, which it creates. */
  get partner(): Promise<ServerClient> {
    return this.#clientOf(SCRATCH_PARTNER, "partner");
  }

  /** The client of the partner of all wallets, to read the feed. */
  get house(): Promise<ServerClient> {
    return this.#clientOf(WALLET_PARTNER, "read");
  }

  get bank(): Promise<ServerClient> {
    return this.#clientOf(WALLET_PARTNER, "bank");
  }

  /** A name that was never used before, so that an earlier sample has no part in this one. */
  newName(): string {
    return `scratch-${randomBytes(6).toString("hex")}`;
  }

  /** A wallet's user with this balance. */
  async user(balance: number): Promise<WalletUser> {
    const name = this.newName();
    const account = { name, email: `${name}@example.com`, password: randomBytes(16).toString("hex") };
    const { wallet_id: wallet, token } = await new ServerClient(this.#url, "").ask<
      Readonly<{ wallet_id: string; token: string }>
    >("POST", "/v1/wallet/signup", account);
    const deposit = { wallet_id: wallet, amount: balance, details: "scratch" };
    if (balance > 0) await (await this.bank).ask("POST", "/v1/deposits", deposit);
    return { wallet, client: new ServerClient(this.#url, token) };
  }

  /** Revokes the keys that were made for the samples. */
  async close(): Promise<void> {
    for (const { partner, id } of this.#keys.splice(0))
      await this.#operator.ask("DELETE", `/v1/partners/${partner}/keys/${id}`);
  }

  #clientOf(partner: string, role: string): Promise<ServerClient> {
    const name = `${partner} ${role}`;
    const known = this.#clients.get(name) ?? this.#newClient(partner, role);
    this.#clients.set(name, known);
    return known;
  }

  async #newClient(partner: string, role: string): Promise<ServerClient> {
    if (partner === SCRATCH_PARTNER) await this.#createPartner();
    const path = `/v1/partners/${partner}/keys`;
    const key = await this.#operator.ask<Key>("POST", path, { role, name: KEY_NAME });
    this.#keys.push({ partner, id: key.id });
    return new ServerClient(this.#url, key.api_key);
  }

  async #createPartner(): Promise<void> {
    const body = { id: SCRATCH_PARTNER, name: "Scratch, for daybook trigger" };
    try {
      const { key_id: id } = await this.#operator.ask<Readonly<{ key_id: string }>>(
        "POST",
        "/v1/partners",
        body,
      );
      this.#keys.push({ partner: SCRATCH_PARTNER, id });
    } catch (error) {
      if (!(error instanceof ServerRefusal && error.code === "partner_exists")) throw error;
    }
  }
}
