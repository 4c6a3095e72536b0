/**
 * Recipients that a wallet's user names, by wallet or by e-mail. An e-mail is looked up on its home shard, as at login.
 * An unknown one, or that of a closed wallet, is `wallet_not_found`; they are counted, so that nobody finds out who has a
 * wallet by asking for many.
 */
import { PLATFORM_TENANT } from "../../../actors/programmes/wallet/acts.ts";
import { askProfileOf, askWalletOf } from "../../../actors/programmes/wallet/questions.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { Email } from "../../input/email.ts";
import { attempt, RateLimit } from "../../limits/rate-limit.ts";
import { invalid, Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { WalletId } from "./fields.ts";
import type { WalletDeps } from "./session.ts";

/** Unknown e-mails per minute of one wallet. */
const UNKNOWN_MAX = 50;
/** Unknown e-mails per minute of all wallets from one address, because one person may open many wallets. */
const UNKNOWN_FROM_ADDRESS_MAX = 200;
const WINDOW_MS = 60_000;

/** A recipient in a request's body: exactly one of the two. */
export const recipientFields = {
  to_wallet_id: WalletId.optional(),
  to_email: Email.optional().openapi({
    description: "Instead of `to_wallet_id`: the e-mail of the wallet's user.",
  }),
} as const;

/** For the descriptions of routes. */
export const RECIPIENT_RULE =
  "The recipient is named by its wallet or by the e-mail of its user. An unknown e-mail is `wallet_not_found`, whatever " +
  `the reason; ${UNKNOWN_MAX} a minute of one wallet, or ${UNKNOWN_FROM_ADDRESS_MAX} from one address, are \`rate_limited\`.`;

type Recipient = Readonly<{ to_wallet_id?: string | undefined; to_email?: string | undefined }>;

/** Whether the body names a recipient. @throws Problem 400 if it names two */
export function hasRecipient({ to_wallet_id, to_email }: Recipient): boolean {
  if (to_wallet_id !== undefined && to_email !== undefined)
    throw invalid("to_email", "must not come with to_wallet_id");
  return to_wallet_id !== undefined || to_email !== undefined;
}

/** @throws Problem 400 unless exactly one recipient is named */
export function checkRecipient(recipient: Recipient): void {
  if (!hasRecipient(recipient)) throw invalid("to_wallet_id", "must be given, or to_email");
}

export class Recipients {
  readonly #ledger: Ledger;
  readonly #clientAddress: WalletDeps["clientAddress"];
  readonly #byWallet: RateLimit;
  readonly #byAddress: RateLimit;

  constructor({
    ledger,
    counters,
    clientAddress,
  }: Pick<WalletDeps, "ledger" | "counters" | "clientAddress">) {
    this.#ledger = ledger;
    this.#clientAddress = clientAddress;
    const common = { windowMs: WINDOW_MS, counters };
    this.#byWallet = new RateLimit({ name: "unknown e-mail", limit: UNKNOWN_MAX, ...common });
    this.#byAddress = new RateLimit({
      name: "unknown e-mail from address",
      limit: UNKNOWN_FROM_ADDRESS_MAX,
      ...common,
    });
  }

  /**
   * The open wallet of an e-mail.
   *
   * @param asker the wallet whose user asks. @throws Problem 404 `wallet_not_found`, 429
   */
  async walletOf(request: HttpRequest, asker: string, email: string): Promise<string> {
    const limits = [
      { rate: this.#byWallet, key: asker },
      { rate: this.#byAddress, key: this.#clientAddress(request) },
    ];
    const find = () => this.#ledger.ask(PLATFORM_TENANT, askWalletOf(email));
    const wallet = await attempt(limits, find, (found) => found === null);
    if (wallet === null) throw new Problem("wallet_not_found");
    return wallet;
  }

  /** The wallet of an e-mail that was found before. An e-mail stays with its wallet, also after that is closed. */
  async sameWalletOf(email: string): Promise<string> {
    const profile = await this.#ledger.ask(PLATFORM_TENANT, askProfileOf(email));
    if (profile === null) throw new Problem("wallet_not_found");
    return profile.walletId;
  }
}
