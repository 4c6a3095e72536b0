/** The segments programme in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addHolders } from "./holders.ts";
import { addReports, type ReportsDeps } from "./reports.ts";
import { addSegments } from "./segments.ts";
import { addUsers } from "./users.ts";

export const SEGMENTS: HttpProgramme<ReportsDeps> = {
  addRoutes(routes, deps) {
    addSegments(routes, deps);
    addHolders(routes, deps);
    addUsers(routes, deps);
    addReports(routes, deps);
  },
};
