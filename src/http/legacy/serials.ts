/**
 * Whole numbers for things whose ids are text in `/v1`. Old clients know ids that are whole numbers. A serial number is
 * the balance of an account after a transfer of one unit to it, so it is durable and never given twice.
 */
import type { Call } from "../call.ts";
import type { HttpRequest } from "../request.ts";
import { bodyOf, type Json, type LocalApi } from "./local-api.ts";

/** The owner of all these accounts. */
const OWNER = "legacy";
const SOURCE = `@${OWNER}`;
const ASSET = "SERIAL/0";
/** Pairs of text and number that are kept in memory. */
const KNOWN_MAX = 10_000;

type Asked = readonly [request: HttpRequest, call: Call];

/** The next number of a series, from 1 on. @param series such as `members`. @throws Problem */
export async function nextSerial(api: LocalApi, asked: Asked, series: string): Promise<number> {
  const account = `${OWNER}/${series}`;
  const body = { debit_account: SOURCE, credit_account: account, amount: 1 };
  let moved = await api.send(...asked, "POST /v1/transfers", { body });
  if (moved.code === "account_not_found") {
    await createAccount(api, asked, account);
    moved = await api.send(...asked, "POST /v1/transfers", { body });
  }
  const balances = bodyOf(moved)["balances"] as Readonly<Record<string, Readonly<{ posted: number }>>>;
  return balances[account]?.posted ?? 0;
}

async function createAccount(api: LocalApi, asked: Asked, id: string, metadata: Json = {}): Promise<boolean> {
  const made = await api.send(...asked, "POST /v1/accounts", { body: { id, asset: ASSET, metadata } });
  if (made.code === "account_exists") return false;
  bodyOf(made);
  return true;
}

/**
 * The numbers of things of one kind. Two accounts without money keep each pair: `legacy/<kind>-<number>` names the thing,
 * and `legacy/<thing>` its number.
 */
export class Numbers {
  readonly #api: LocalApi;
  readonly #kind: string;
  readonly #known = new Map<string, number>();

  constructor(api: LocalApi, kind: string) {
    this.#api = api;
    this.#kind = kind;
  }

  /** The number of a thing, which gets one now if it has none. @throws Problem */
  async numberOf(asked: Asked, id: string): Promise<number> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const number = (await this.#read(asked, `${OWNER}/${id}`, "number")) ?? (await this.#assign(asked, id));
    const oldest = this.#known.size < KNOWN_MAX ? undefined : this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(id, Number(number));
    return Number(number);
  }

  /** The thing that has the number; `undefined` if none has. @throws Problem */
  idOf(asked: Asked, number: number): Promise<string | undefined> {
    return this.#read(asked, `${OWNER}/${this.#kind}-${number}`, "id");
  }

  /** Two requests may assign at once: the thing then keeps the first number, and the second one names it, too. */
  async #assign(asked: Asked, id: string): Promise<string | undefined> {
    const number = String(await nextSerial(this.#api, asked, `${this.#kind}s`));
    await createAccount(this.#api, asked, `${OWNER}/${this.#kind}-${number}`, { id });
    const isOwn = await createAccount(this.#api, asked, `${OWNER}/${id}`, { number });
    return isOwn ? number : this.#read(asked, `${OWNER}/${id}`, "number");
  }

  async #read(asked: Asked, account: string, member: string): Promise<string | undefined> {
    const found = await this.#api.send(...asked, "GET /v1/accounts/{id}", { path: { id: account } });
    if (found.code === "account_not_found") return undefined;
    return (bodyOf(found)["metadata"] as Readonly<Record<string, string>>)[member];
  }
}
