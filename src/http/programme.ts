/** What a programme adds to the API besides its acts. `programmes/programmes.ts` lists all programmes. */
import type { Ledger } from "../gateway/ports.ts";
import type { HttpRequest } from "./request.ts";
import type { Routes } from "./routes.ts";

/** A role of API keys, besides the core's `partner` and `read`. */
export type KeyRole = Readonly<{
  name: string;
  /** In the description of API keys; absent: not mentioned there. */
  description?: string;
  /** @throws Problem 400: a key of this role may not have this name. */
  checkName?: (name: string) => void;
  /** A key of this role is limited to one thing, such as a seller. @throws Problem 404: there is no such thing. */
  checkScope?: (ledger: Ledger, partner: string, scope: string) => Promise<void>;
}>;

/** `D`: what its routes depend on. */
export type HttpProgramme<D> = Readonly<{
  addRoutes: (routes: Routes, deps: D) => void;
  roles?: readonly KeyRole[];
  /** Users who log in instead of having an API key. */
  users?: Readonly<{ kind: string; isLoggedIn: (request: HttpRequest, deps: D) => Promise<boolean> }>;
}>;
