/** The loyalty programme in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addMembers, type LoyaltyDeps } from "./members.ts";
import { addPoints } from "./points.ts";
import { addProgramme } from "./programme.ts";

export const LOYALTY: HttpProgramme<LoyaltyDeps> = {
  addRoutes(routes, deps) {
    addMembers(routes, deps);
    addPoints(routes, deps);
    addProgramme(routes, deps);
  },
};
