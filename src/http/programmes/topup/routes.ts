/** Registers the routes of the top-up programme. */
import type { Routes } from "../../routes.ts";
import { addCreditRequests } from "./credit-requests.ts";
import { addPhones } from "./phones.ts";
import { addSellerBooks } from "./seller-books.ts";
import { addSellers, type TopupDeps } from "./sellers.ts";
import { addTopups } from "./topups.ts";

export function addTopup(routes: Routes, deps: TopupDeps): void {
  addSellers(routes, deps);
  addSellerBooks(routes, deps);
  addCreditRequests(routes, deps);
  addTopups(routes, deps);
  addPhones(routes, deps);
}
