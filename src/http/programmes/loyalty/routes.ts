/** The loyalty programme in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addMembers } from "./members.ts";
import { addPoints, type PointsDeps } from "./points.ts";
import { addProgramme } from "./programme.ts";
import { checkTillName, TILL } from "./till.ts";

export const LOYALTY: HttpProgramme<PointsDeps> = {
  addRoutes(routes, deps) {
    addMembers(routes, deps);
    addPoints(routes, deps);
    addProgramme(routes, deps);
  },
  roles: [
    {
      name: TILL,
      description: "till (credits and debits points, and reads members; its name is in the entries)",
      checkName: checkTillName,
    },
  ],
};
