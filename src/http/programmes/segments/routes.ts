/** Registers the routes of the segments programme. */
import type { Routes } from "../../routes.ts";
import { addHolders } from "./holders.ts";
import { addReports, type ReportsDeps } from "./reports.ts";
import { addSegments } from "./segments.ts";
import { addUsers } from "./users.ts";

export function addUserSegments(routes: Routes, deps: ReportsDeps): void {
  addSegments(routes, deps);
  addHolders(routes, deps);
  addUsers(routes, deps);
  addReports(routes, deps);
}
