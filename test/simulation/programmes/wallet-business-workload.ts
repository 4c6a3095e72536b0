/** What is asked of wallets besides payments: merchant holds, freezing and closing, corrections, reset tokens. */
import {
  PLATFORM_TENANT,
  resetSubject,
  supportSubject,
  vnodeOfWallet,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Random } from "../../support/random.ts";
import { askedOf } from "../workload.ts";
import { askAlone, askCompound, submit, type Tools } from "./asked-act.ts";

const NEWEST = 4;

type MerchantHold = Readonly<{ id: string; payer: string; payee: string }>;
type Reset = Readonly<{ wallet: string; token: string }>;

export class WalletBusinessWorkload {
  readonly #random: Random;
  readonly #holds: MerchantHold[] = [];
  readonly #resets: Reset[] = [];
  /** Ids of deposits and of transfers between wallets. */
  readonly moved: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  act(tools: Tools, wallet: string, other: string): void {
    const random = this.#random;
    const amount = 1 + random.below(20);
    switch (random.below(10)) {
      case 0:
      case 1: {
        const timeoutMs = random.oneOf([20, 300, 2_000, 60_000]);
        const subject = walletAccount(wallet);
        const terms = { wallet, amount, memo: null, timeoutMs, to: other };
        const act = { programme: "wallet", act: "hold", subject, ...terms } as Act;
        const pending = { pending: true, timeoutMs };
        return askCompound(tools, act, subject, walletAccount(other), amount, pending, (id) =>
          this.#holds.push({ id, payer: wallet, payee: other }),
        );
      }
      case 2:
      case 3:
      case 4:
        return this.#ofHold(tools, amount);
      case 5: {
        const verb = random.oneOf(["freeze", "unfreeze", "unfreeze", "close"] as const);
        const subject = supportSubject(wallet);
        const names = { programme: "wallet", subject, vnode: vnodeOfWallet(wallet), wallet };
        const more = verb === "close" ? { openElsewhere: 0 } : {};
        return askAlone(tools, { ...names, act: `${verb}_wallet`, ...more });
      }
      case 6:
      case 7: {
        const id = this.#newest(this.moved);
        if (id === undefined) return tools.done();
        const terms = {
          kind: "correction",
          reason: "mistake",
          by: "key",
          amount: random.oneOf([null, amount]),
        };
        const act = { programme: "wallet", act: "take_back", subject: "", ...terms } as Act;
        const asked = askedOf(PLATFORM_TENANT, tools.newKey());
        return submit(tools, { ...asked, op: "revert_transfer", id, original: null, vnode: 0, act });
      }
      case 8: {
        const token = tools.newKey();
        const names = { programme: "wallet", subject: supportSubject(wallet), vnode: vnodeOfWallet(wallet) };
        return askAlone(tools, { ...names, act: "issue_reset", wallet, token } as Act, () =>
          this.#resets.push({ wallet, token }),
        );
      }
      default: {
        const reset = this.#newest(this.#resets);
        if (reset === undefined) return tools.done();
        const { token } = reset;
        const names = {
          programme: "wallet",
          subject: resetSubject(token),
          vnode: vnodeOfWallet(reset.wallet),
        };
        return askAlone(tools, { ...names, act: "reset_password", token, password: "hash" } as Act);
      }
    }
  }

  /** Captures or voids a merchant hold: mostly its payee does, sometimes the payer tries. */
  #ofHold(tools: Tools, amount: number): void {
    const random = this.#random;
    const hold = this.#newest(this.#holds);
    if (hold === undefined) return tools.done();
    const { id, payer, payee } = hold;
    const wallet = random.chance(0.3) ? payer : payee;
    const subject = walletAccount(wallet);
    const names = { programme: "wallet", subject, wallet, hold: id } as const;
    const over = { ...askedOf(PLATFORM_TENANT, tools.newKey()), id, owner: subject, settled: null } as const;
    if (random.chance(0.3))
      return submit(tools, { ...over, op: "void_transfer", act: { ...names, act: "void_hold" } });
    const final = random.chance(0.5);
    const act = { ...names, act: "capture", final } as Act;
    return submit(tools, { ...over, op: "post_transfer", amount: random.oneOf([null, amount]), final, act });
  }

  #newest<T>(all: readonly T[]): T | undefined {
    return all.at(-1 - this.#random.below(Math.min(NEWEST, Math.max(1, all.length))));
  }
}
