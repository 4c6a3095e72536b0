/** Orders of wallets that have been over for more than 30 days. Only the archive has them. */
import {
  forgottenOrders,
  type OrderList,
  PLATFORM_TENANT,
  type WalletEffect,
  type WalletOrder,
} from "../../../actors/programmes/wallet/acts.ts";
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Page } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { findForgotten, listWithForgotten } from "../forgotten-items.ts";

export const OLD_ORDERS =
  "Those that ended more than 30 days ago come last, those that ended last first. A page may have fewer than `limit` of " +
  "them although more follow, and one that passes the 30 days while the pages are read can come twice.";

/** `undefined` if it is in memory or was never made. */
export async function findOldOrder(ledger: Ledger, id: string): Promise<WalletOrder | undefined> {
  const where = { programme: "wallet", subject: id, itemsIn: ordersIn };
  return (await findForgotten(ledger, PLATFORM_TENANT, where)).find((order) => order.id === id);
}

/**
 * A page of a list of orders: those in memory, and then those in the archive.
 *
 * @param shows whether an archived order is of the list's kind, and of this wallet
 * @throws Problem 400
 */
export function listOrders<O extends WalletOrder>(
  ledger: Ledger,
  list: OrderList,
  wallet: string,
  shows: (order: WalletOrder) => order is O,
  paging: Readonly<{ limit: number; cursor?: string | undefined }>,
  inMemory: () => Promise<Page<O>>,
): Promise<Page<O>> {
  const itemsIn = (effect: JsonValue) => ordersIn(effect).filter(shows);
  const where = { programme: "wallet", subject: forgottenOrders(list, wallet), itemsIn, shows: () => true };
  return listWithForgotten(ledger, PLATFORM_TENANT, where, ({ id }) => id, paging, inMemory);
}

/** @param effect of a record that forgets orders; the shard that decided it has logged an effect of this type */
function ordersIn(effect: JsonValue): readonly WalletOrder[] {
  return (effect as WalletEffect<"forget">).forgotten;
}
