/** The operator's area, and what its pages need. */
import type { Directory, Operations } from "../../../gateway/ports.ts";
import type { Clock } from "../../clock.ts";
import type { NewKeyDeps } from "../../core/new-key.ts";
import type { Area } from "../base/layout.ts";
import type { PageDeps } from "../base/page-routes.ts";

export type ConsoleDeps = PageDeps &
  NewKeyDeps &
  Readonly<{ directory: Directory; operations: Operations; clock: Clock }>;

export const CONSOLE: Area = {
  name: "Console",
  home: "/console",
  login: "/console/login",
  logout: "/console/logout",
  nav: [
    { path: "/console", label: "Overview" },
    { path: "/console/search", label: "Search" },
    { path: "/console/accounts", label: "Accounts" },
    { path: "/console/transfers", label: "Transfers" },
    { path: "/console/partners", label: "Partners" },
    { path: "/console/shards", label: "Shards" },
    { path: "/console/balance", label: "Trial balance" },
    { path: "/console/log", label: "Log" },
  ],
};
