/** The callers of these tests, and the requests that they send. */

import { OPERATOR_KEY } from "../../support/server.ts";
import type { Caller, Json, TestServer } from "../programmes/test-server.ts";
import { Wallets } from "../programmes/wallets.ts";

export type Sent = Readonly<{ method: string; path: string; body?: unknown }>;

export type Keyed = Sent &
  Readonly<{
    caller: Caller;
    /** Changes the state that the first answer shows. */
    spoil?: () => Promise<unknown>;
    /** A different request of the same owner, on this route or another one. */
    other: Sent & Readonly<{ caller?: Caller }>;
  }>;

/** The callers: the operator, a partner, and wallet users and banks. */
export type World = Readonly<{
  wallets: Wallets;
  operator: Caller;
  acme: Caller;
  as: (key: string) => Caller;
}>;

export async function worldOf(house: TestServer): Promise<World> {
  const operator = house.caller(OPERATOR_KEY);
  const as = (key: string) => house.caller(key);
  return { wallets: new Wallets(house), operator, acme: await house.partner("acme"), as };
}

let serial = 0;

/** An unused name. */
export function fresh(noun: string): string {
  serial += 1;
  return `${noun}${serial}`;
}

/** The time `seconds` from now, as RFC 3339. */
export function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

export function post(path: string, body?: unknown): Sent {
  return { method: "POST", path, body };
}

export function idOf(thing: Json): string {
  return String(thing["id"]);
}

/** Requests to try, by `METHOD path` of the OpenAPI document. */
export type Routes = Readonly<Record<string, (world: World) => Promise<Keyed>>>;
