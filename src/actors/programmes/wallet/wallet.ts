/**
 * The wallet programme: users with a password and an account, deposits by banks, transfers, holds, payment requests
 * and withdrawals. Money enters and leaves through `@bank:<name>`. Pending transfers of holds and withdrawals go to
 * `@holds` and `@withdrawals`.
 */
import type { Act, JsonValue } from "../../records/act.ts";
import type { Rejected } from "../../records/command.ts";
import type { ListRequest } from "../paged-index.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  Programme,
  ProgrammeContext,
} from "../programme.ts";
import type {
  Deposit,
  OrderAct,
  OrderList,
  UserAct,
  WalletAct,
  WalletEffect,
  WithdrawalView,
} from "./acts.ts";
import { referenceClaim, type UserItem, Users } from "./users.ts";
import { type OrderItem, WalletOrders } from "./wallet-orders.ts";

type Item = UserItem | OrderItem;

export class Wallet implements Programme<WalletAct, WalletEffect> {
  readonly #users: Users;
  readonly #orders: WalletOrders;

  constructor(context: ProgrammeContext) {
    this.#users = new Users(context);
    this.#orders = new WalletOrders(context, (wallet) => this.#users.has(wallet));
  }

  decide(act: WalletAct, context: DecisionContext): AcceptedAct<WalletEffect> | Rejected {
    return isOfUser(act) ? this.#users.decide(act, context) : this.#orders.decide(act, context);
  }

  apply(act: WalletAct, effect: WalletEffect, done: ApplyContext): void {
    if (isOfUser(act)) this.#users.apply(act, effect, done);
    else this.#orders.apply(act, effect, done);
  }

  receiveBroadcast(): void {
    throw new TypeError("the wallet programme has no notices");
  }

  answer(_: string, [query, ...values]: readonly JsonValue[], nowMs: number): JsonValue {
    switch (query) {
      case "credential":
        return this.#users.credentialOf(values[0] as string);
      case "session":
        return this.#users.session(values[0] as string, nowMs);
      case "paper":
        return this.#orders.order(values[0] as string, nowMs);
      case "papers": {
        const [list, wallet, ...page] = values as [OrderList, string, ...ListRequest];
        return this.#orders.list(list, wallet, page, nowMs);
      }
      case "withdrawals": {
        const [status, ...page] = values as [WithdrawalView["status"] | null, ...ListRequest];
        return this.#orders.list("all_withdrawals", "", page, nowMs, status ?? undefined);
      }
      default:
        throw new TypeError(`unknown query of the wallet programme: ${JSON.stringify(query)}`);
    }
  }

  *items(): Generator<Item> {
    yield* this.#users.items();
    yield* this.#orders.items();
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    if (item[0] === "paper") this.#orders.restore(item);
    else this.#users.restore(item);
  }
}

export function claimOfWallet(act: Act): string | undefined {
  if (act.act !== "deposit") return undefined;
  const { bank, ref } = act as Deposit;
  return ref === null ? undefined : referenceClaim(bank, ref);
}

export function claimsInWallet([kind, ...values]: readonly JsonValue[]): readonly string[] | undefined {
  if (kind !== "reference") return undefined;
  const [bank, reference] = values as [string, string];
  return [referenceClaim(bank, reference)];
}

const OF_USERS = {
  sign_up: true,
  open_session: true,
  touch_session: true,
  refresh_session: true,
  end_session: true,
  change_password: true,
  deposit: true,
  send: true,
} as const satisfies Record<UserAct["act"], true>;

function isOfUser(act: UserAct | OrderAct): act is UserAct {
  return act.act in OF_USERS;
}
