/** The top-up programme in the API. */
import { askSeller } from "../../../actors/programmes/topup/acts.ts";
import type { HttpProgramme } from "../../programme.ts";
import { addCreditRequests } from "./credit-requests.ts";
import { addPhones } from "./phones.ts";
import { addTopupSettings } from "./sale-limits.ts";
import { SELLER, sellerNotFound } from "./seller-access.ts";
import { addSellerBooks } from "./seller-books.ts";
import { addSellerDays } from "./seller-days.ts";
import { addSellers, type TopupDeps } from "./sellers.ts";
import { addTopupDecisions } from "./topup-decisions.ts";
import { addTopups } from "./topups.ts";

export const TOPUP: HttpProgramme<TopupDeps> = {
  roles: [
    {
      name: SELLER,
      description: "seller (one seller's data)",
      async checkScope(ledger, partner, seller) {
        if ((await ledger.ask(partner, askSeller(seller))) === null) throw sellerNotFound(seller);
      },
    },
  ],
  addRoutes(routes, deps) {
    addSellers(routes, deps);
    addSellerBooks(routes, deps);
    addSellerDays(routes, deps);
    addCreditRequests(routes, deps);
    addTopups(routes, deps);
    addTopupDecisions(routes, deps);
    addTopupSettings(routes, deps);
    addPhones(routes, deps);
  },
};
