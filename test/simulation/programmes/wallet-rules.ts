/** What the platform may do with wallets, and what wallets may not do afterwards. */
import type { WalletAct } from "../../../src/actors/programmes/wallet/acts.ts";
import type { Acted, Fail } from "./programme-records.ts";

type Moved = Readonly<{ amount: number; bank: string | null }>;
type TakenBack = Readonly<{ of: string; amount: number; asked: number | null }>;

/** Acts by which a wallet pays, or promises to. They are in the log of the wallet's shard, as those of the platform are. */
const PAYING: ReadonlySet<string> = new Set(["send", "hold", "withdraw", "accept_request"]);

export class WalletRules {
  readonly #fail: Fail;
  readonly closed = new Set<string>();
  readonly #frozen = new Set<string>();
  /** By wallet: the newest token, which alone resets its password. */
  readonly #tokens = new Map<string, string>();
  readonly #moved = new Map<string, Moved>();
  readonly #takenBack: TakenBack[] = [];

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** Takes an accepted act, in the order of its log. */
  take({ act, transfer, amount, reverts }: Acted<WalletAct>): void {
    if (
      PAYING.has(act.act) &&
      "wallet" in act &&
      (this.#frozen.has(act.wallet) || this.closed.has(act.wallet))
    )
      this.#fail(`${JSON.stringify(act)} is of a frozen or closed wallet`);
    switch (act.act) {
      case "freeze_wallet":
        this.#frozen.add(act.wallet);
        return;
      case "unfreeze_wallet":
        this.#frozen.delete(act.wallet);
        return;
      case "close_wallet":
        this.closed.add(act.wallet);
        this.#tokens.delete(act.wallet);
        return;
      case "issue_reset":
        this.#tokens.set(act.wallet, act.token);
        return;
      case "reset_password": {
        const [wallet] = [...this.#tokens].find(([, token]) => token === act.token) ?? [];
        if (wallet === undefined)
          this.#fail(`the token ${act.token} resets a password, and is used or replaced`);
        else this.#tokens.delete(wallet);
        return;
      }
      case "deposit":
      case "send":
        this.#moved.set(`${transfer}`, { amount, bank: act.act === "deposit" ? act.bank : null });
        return;
      case "take_back":
        this.#takenBack.push({ of: `${reverts}`, amount, asked: act.amount });
        return;
      default:
    }
  }

  /** To be called after all logs: what has gone back to each bank. */
  takenBack(): readonly (readonly [bank: string, amount: number])[] {
    const once = new Set<string>();
    return this.#takenBack.flatMap(({ of, amount, asked }) => {
      const moved = this.#moved.get(of);
      if (moved === undefined || once.has(of)) this.#fail(`${of} is taken back twice, or never was`);
      once.add(of);
      if (amount !== (asked ?? moved?.amount) || amount > (moved?.amount ?? 0))
        this.#fail(`${amount} of ${of} are taken back, asked were ${asked} of ${moved?.amount}`);
      return moved?.bank ? [[moved.bank, amount] as const] : [];
    });
  }
}
