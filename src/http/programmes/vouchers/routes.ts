/** The voucher programme in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addVoucherBatches } from "./batches.ts";
import { addCodes } from "./codes.ts";
import { addCustomers } from "./customers.ts";
import type { VoucherDeps } from "./fields.ts";
import { addOffers } from "./offers.ts";
import { addVouchers } from "./vouchers.ts";

export const VOUCHERS: HttpProgramme<VoucherDeps> = {
  addRoutes(routes, deps) {
    addCustomers(routes, deps);
    addOffers(routes, deps);
    addVouchers(routes, deps);
    addCodes(routes, deps);
    addVoucherBatches(routes, deps);
  },
};
