/** A scratch partner for samples of events, and wallet users beside it: everything here has `scratch` in its name. */
import { randomBytes } from "node:crypto";
import { type Daybook, DaybookError } from "../../../clients/typescript/src/index.ts";
import { connect, shown } from "../server/server-client.ts";

/** The partner of all samples but those of wallets, whose users belong to `house`. */
export const SCRATCH_PARTNER = "scratch";
export const WALLET_PARTNER = "house";
const KEY_NAME = "scratch";

type Role = "partner" | "read" | "bank";
export type WalletUser = Readonly<{ wallet: string; client: Daybook }>;

export class Scratch {
  readonly #url: string;
  readonly #operator: Daybook;
  readonly #keys: Readonly<{ partner: string; id: string }>[] = [];
  readonly #clients = new Map<string, Promise<Daybook>>();

  constructor(url: string, operatorKey: string) {
    this.#url = url;
    this.#operator = connect(url, operatorKey);
  }

  /** The client of the scratch partner, which it creates. */
  get partner(): Promise<Daybook> {
    return this.#clientOf(SCRATCH_PARTNER, "partner");
  }

  /** Another key of the scratch partner: who requests credit cannot approve it. */
  get approver(): Promise<Daybook> {
    return this.#clientOf(SCRATCH_PARTNER, "partner", "approver");
  }

  /** The client of the partner of all wallets, to read the feed. */
  get house(): Promise<Daybook> {
    return this.#clientOf(WALLET_PARTNER, "read");
  }

  get bank(): Promise<Daybook> {
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
    const signUp = await connect(this.#url).post("/v1/wallet/signup", { body: account });
    const { wallet_id: wallet, token } = signUp;
    const deposit = { wallet_id: wallet, amount: balance, details: "scratch" };
    if (balance > 0) await (await this.bank).post("/v1/deposits", { body: deposit });
    return { wallet, client: connect(this.#url, shown(token)) };
  }

  /** Revokes the keys that were made for the samples. */
  async close(): Promise<void> {
    for (const { partner, id } of this.#keys.splice(0))
      await this.#operator.delete("/v1/partners/{id}/keys/{key_id}", { path: { id: partner, key_id: id } });
  }

  #clientOf(partner: string, role: Role, use = ""): Promise<Daybook> {
    const name = `${partner} ${role} ${use}`;
    const known = this.#clients.get(name) ?? this.#newClient(partner, role);
    this.#clients.set(name, known);
    return known;
  }

  async #newClient(partner: string, role: Role): Promise<Daybook> {
    if (partner === SCRATCH_PARTNER) await this.#createPartner();
    const { id, api_key: key } = await this.#operator.post("/v1/partners/{id}/keys", {
      path: { id: partner },
      body: { role, name: KEY_NAME },
    });
    this.#keys.push({ partner, id });
    return connect(this.#url, shown(key));
  }

  async #createPartner(): Promise<void> {
    const body = { id: SCRATCH_PARTNER, name: "Scratch, for daybook trigger" };
    try {
      const { key_id: id } = await this.#operator.post("/v1/partners", { body });
      this.#keys.push({ partner: SCRATCH_PARTNER, id });
    } catch (error) {
      if (!(error instanceof DaybookError && error.code === "partner_exists")) throw error;
    }
  }
}
