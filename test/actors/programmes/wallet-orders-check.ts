/** Reads holds, payment requests and withdrawals from a ledger, and compares them with the plain model. */
import { expect } from "vitest";
import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import {
  PLATFORM_TENANT,
  type WalletOrder,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import {
  askAllWithdrawals,
  askHolds,
  askOpenFor,
  askOrder,
  askPayeeHolds,
  askPaymentRequests,
  askWithdrawals,
} from "../../../src/actors/programmes/wallet/questions.ts";
import type { LedgerRun } from "../ledger/ledger-run.ts";
import type { PapersModel } from "./wallet-orders-model.ts";

const ALL: ListRequest = [99, null];

/** Compares the balances, the orders and every list of them with the model. */
export function checkOrders(run: LedgerRun, model: PapersModel, wallets: readonly string[]): void {
  const { money, forgotten } = model;
  const orders = model.orders.filter(({ id }) => !forgotten.has(id));
  for (const [wallet, { posted, held }] of money)
    expect(run.ledger.account(PLATFORM_TENANT, walletAccount(wallet))).toMatchObject({
      posted,
      held,
    });
  for (const order of model.orders) {
    const question = askOrder(order.id);
    const expected = forgotten.has(order.id) ? null : order;
    expect(question && run.ask(PLATFORM_TENANT, question)).toEqual(expected);
  }
  for (const wallet of wallets) {
    const lists = {
      holds: (order: WalletOrder) => order.kind === "hold" && order.wallet === wallet,
      payee: (order: WalletOrder) => order.kind === "hold" && order.to === wallet,
      payer: (order: WalletOrder) => order.kind === "request" && order.wallet === wallet,
      requester: (order: WalletOrder) => order.kind === "request" && order.requester === wallet,
      withdrawals: (order: WalletOrder) => order.kind === "withdrawal" && order.wallet === wallet,
    };
    const shown = {
      holds: run.ask(PLATFORM_TENANT, askHolds(wallet)(ALL)),
      payee: run.ask(PLATFORM_TENANT, askPayeeHolds(wallet)(ALL)),
      payer: run.ask(PLATFORM_TENANT, askPaymentRequests("payer", wallet)(ALL)),
      requester: run.ask(PLATFORM_TENANT, askPaymentRequests("requester", wallet)(ALL)),
      withdrawals: run.ask(PLATFORM_TENANT, askWithdrawals(wallet)(ALL)),
    };
    expect(run.ask(PLATFORM_TENANT, askOpenFor(wallet))).toBe(model.openFor(wallet));
    for (const list of ["holds", "payee", "payer", "requester", "withdrawals"] as const) {
      const rows: readonly (readonly [unknown, WalletOrder])[] = shown[list].rows;
      expect(rows.map(([, row]) => row)).toEqual(orders.filter(lists[list]).toReversed());
    }
  }
  for (const status of ["pending", "confirmed", "failed", null] as const) {
    const { rows } = run.ask(PLATFORM_TENANT, askAllWithdrawals(status)(ALL));
    expect(rows.map(([, row]) => row)).toEqual(
      orders
        .filter((order) => order.kind === "withdrawal" && order.status === (status ?? order.status))
        .toReversed(),
    );
  }
}
