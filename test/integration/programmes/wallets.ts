/** A server with banks of the platform tenant and users with wallets. */
import { expect } from "vitest";
import { operator } from "../../support/server.ts";
import type { Caller, Json, TestServer } from "./test-server.ts";

export type Person = Readonly<{
  name: string;
  email: string;
  password: string;
  wallet: string;
  user: string;
  token: string;
  caller: Caller;
}>;

export class Wallets {
  readonly #house: Pick<TestServer, "server" | "caller">;
  readonly #keys = new Map<string, string>();
  #people = 0;

  constructor(house: Pick<TestServer, "server" | "caller">) {
    this.#house = house;
  }

  /** The caller of a bank, by the name of its key. */
  async bank(name: string): Promise<Caller> {
    const known = this.#keys.get(name);
    if (known !== undefined) return this.#house.caller(known);
    const admin = operator(this.#house.server);
    const { status, text } = await admin.send("POST", "/v1/partners/house/keys", { role: "bank", name });
    admin.close();
    expect(status, text).toBe(201);
    this.#keys.set(name, (JSON.parse(text) as { api_key: string }).api_key);
    return this.bank(name);
  }

  /** Creates a user with a session, with this balance deposited by bank `north`. */
  async person(balance = 0): Promise<Person> {
    this.#people += 1;
    const name = `P${this.#people}`;
    const email = `${name.toLowerCase()}@example.com`;
    const password = `password of ${name}`;
    const stranger = this.#house.caller("nobody");
    const made = await stranger.post("/v1/wallet/signup", 201, { name, email, password });
    const names = { name, email, password, wallet: String(made["wallet_id"]), user: String(made["user_id"]) };
    const token = String(made["token"]);
    if (balance > 0) await this.deposit(names.wallet, balance);
    return { ...names, token, caller: this.#house.caller(token) };
  }

  /** The user's caller after a restart of the server. */
  again(person: Person): Person {
    return { ...person, caller: this.#house.caller(person.token) };
  }

  async deposit(wallet: string, amount: number): Promise<Json> {
    const bank = await this.bank("north");
    const made = await bank.post("/v1/deposits", 201, { wallet_id: wallet, amount, details: "top-up" });
    return made;
  }
}

/** The balance of a wallet. */
export async function balanceOf({ caller }: Person): Promise<number> {
  return Number((await caller.get("/v1/wallet"))["balance"]);
}

/** The operator's path of a user of wallets. */
export const userPath = ({ user }: Person, verb = ""): string => `/v1/wallet-users/${user}${verb}`;

/** Newest first. */
export async function entriesOf({ caller }: Person): Promise<readonly Json[]> {
  return caller.all("/v1/wallet/entries");
}

/** The data of a user's events of one type. */
export async function eventsOf({ caller }: Person, type: string): Promise<readonly Json[]> {
  return (await caller.all(`/v1/wallet/events?types=${type}`)).map(({ data }) => data as Json);
}

/** Sends a request twice with one idempotency key, and expects one answer. */
export async function twice(
  caller: Caller,
  method: string,
  path: string,
  status: number,
  body?: Json,
): Promise<Json> {
  const headers = { "Idempotency-Key": `${path}-once` };
  const first = await caller.ask(method, path, status, body, headers);
  const again = await caller.client.send(method, path, body, headers);
  expect([again.status, again.headers["idempotency-replayed"], JSON.parse(again.text)]).toEqual([
    status,
    "true",
    first,
  ]);
  return first;
}
