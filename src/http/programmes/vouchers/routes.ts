/** The voucher programme in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addBatchCodes } from "./batch-codes.ts";
import { addVoucherBatches } from "./batches.ts";
import { addCodes, REDEEMER } from "./codes.ts";
import { addCustomers } from "./customers.ts";
import type { VoucherDeps } from "./fields.ts";
import { addOffers } from "./offers.ts";
import { addVouchers } from "./vouchers.ts";

export const VOUCHERS: HttpProgramme<VoucherDeps> = {
  roles: [{ name: REDEEMER, description: "redeemer (validates and redeems vouchers)" }],
  addRoutes(routes, deps) {
    addCustomers(routes, deps);
    addOffers(routes, deps);
    addVouchers(routes, deps);
    addCodes(routes, deps);
    addVoucherBatches(routes, deps);
    addBatchCodes(routes, deps);
  },
};
