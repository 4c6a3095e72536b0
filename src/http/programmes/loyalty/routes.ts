/** Registers the routes of the loyalty programme. */
import type { Routes } from "../../routes.ts";
import { addMembers, type LoyaltyDeps } from "./members.ts";
import { addPoints } from "./points.ts";
import { addProgramme } from "./programme.ts";

export function addLoyalty(routes: Routes, deps: LoyaltyDeps): void {
  addMembers(routes, deps);
  addPoints(routes, deps);
  addProgramme(routes, deps);
}
