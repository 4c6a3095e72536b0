/** Who calls in these tests, and what they send. */

import { OPERATOR_KEY } from "../../support/server.ts";
import type { Caller, House, Json } from "../programmes/house.ts";
import { Wallets } from "../programmes/wallets.ts";

export type Sent = Readonly<{ method: string; path: string; body?: unknown }>;

export type Keyed = Sent &
  Readonly<{
    caller: Caller;
    /** Makes the present another one than the answer tells of. */
    spoil?: () => Promise<unknown>;
    /** Another thing of the same owner, by the same route or by another one. */
    other: Sent & Readonly<{ caller?: Caller }>;
  }>;

/** Who calls: the operator, a partner, and the wallets' people and banks. */
export type World = Readonly<{ wallets: Wallets; operator: Caller; acme: Caller }>;

export async function worldOf(house: House): Promise<World> {
  const operator = house.caller(OPERATOR_KEY);
  return { wallets: new Wallets(house), operator, acme: await house.partner("acme") };
}

let serial = 0;

/** A name that nothing has yet. */
export function fresh(noun: string): string {
  serial += 1;
  return `${noun}${serial}`;
}

/** Seconds from now, as RFC 3339. */
export function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

/** A POST. */
export function post(path: string, body?: unknown): Sent {
  return { method: "POST", path, body };
}

export function idOf(thing: Json): string {
  return String(thing["id"]);
}

/** Routes by `METHOD path` of the OpenAPI document, each with a request to try. */
export type Routes = Readonly<Record<string, (world: World) => Promise<Keyed>>>;
