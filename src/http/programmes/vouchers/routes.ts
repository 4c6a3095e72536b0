/** Registers the routes of the voucher programme. */
import type { Routes } from "../../routes.ts";
import { addVoucherBatches } from "./batches.ts";
import { addCodes } from "./codes.ts";
import { addCustomers } from "./customers.ts";
import type { VoucherDeps } from "./fields.ts";
import { addOffers } from "./offers.ts";
import { addVouchers } from "./vouchers.ts";

export function addVoucherRoutes(routes: Routes, deps: VoucherDeps): void {
  addCustomers(routes, deps);
  addOffers(routes, deps);
  addVouchers(routes, deps);
  addCodes(routes, deps);
  addVoucherBatches(routes, deps);
}
