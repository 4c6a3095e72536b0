/** All pages for people that need a session. */
import type { Routes } from "../routes.ts";
import { addAppPages } from "./app/app-pages.ts";
import { APP, type AppDeps } from "./app/area.ts";
import { addAssets } from "./base/assets.ts";
import { addLogin, type LoginDeps } from "./base/login.ts";
import { CONSOLE, type ConsoleDeps } from "./console/area.ts";
import { addConsole } from "./console/console.ts";

export type PagesDeps = LoginDeps & ConsoleDeps & AppDeps;

export function addPages(routes: Routes, deps: PagesDeps): void {
  addAssets(routes);
  addLogin(routes, CONSOLE, "operator", deps);
  addConsole(routes, deps);
  addLogin(routes, APP, "partner", deps);
  addAppPages(routes, deps);
}
