/**
 * Sessions of banks. In the old system the bank was a user with a password from the environment; here its password is an
 * API key of role bank, and its e-mail any text. A session ends when the key is revoked, and when the server does.
 */
import { hash } from "node:crypto";
import type { Directory, Principal } from "../../../gateway/ports.ts";
import { hashOfKey } from "../../auth.ts";
import type { Random } from "../../idempotency.ts";
import { BANK } from "../../programmes/wallet/bank.ts";
import type { HttpRequest } from "../../request.ts";

const COOKIE = "daybook_bank";
const TOKEN_BYTES = 24;
const SESSIONS_MAX = 1_000;

type BankSession = Readonly<{ keyHash: string; email: string }>;
export type Bank = Readonly<{ principal: Extract<Principal, { partner: string }>; email: string }>;

export class BankSessions {
  readonly #directory: Directory;
  readonly #random: Random;
  /** By the SHA-256 of the token, oldest first. */
  readonly #sessions = new Map<string, BankSession>();

  constructor(directory: Directory, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  /** Opens a session. @returns the cookie to set; `undefined` if the password is no key of a bank */
  open(email: string, password: string): { cookie: string; bank: Bank } | undefined {
    const session = { keyHash: hashOfKey(password), email };
    const bank = this.#bankOf(session);
    if (bank === undefined) return undefined;
    const token = Buffer.from(this.#random(TOKEN_BYTES)).toString("base64url");
    const oldest = this.#sessions.size < SESSIONS_MAX ? undefined : this.#sessions.keys().next().value;
    if (oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(idOf(token), session);
    return { cookie: `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax`, bank };
  }

  /** The bank that is logged in. */
  find(request: HttpRequest): Bank | undefined {
    const session = this.#sessions.get(idOf(tokenOf(request)));
    return session && this.#bankOf(session);
  }

  /** Ends the session of a request. @returns the cookie to set */
  close(request: HttpRequest): string {
    this.#sessions.delete(idOf(tokenOf(request)));
    return `${COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`;
  }

  #bankOf({ keyHash, email }: BankSession): Bank | undefined {
    const principal = this.#directory.principalOf(keyHash);
    if (principal?.partner === undefined || principal.role !== BANK || principal.suspended) return undefined;
    return { principal, email };
  }
}

function idOf(token: string): string {
  return hash("sha256", token, "hex");
}

function tokenOf(request: HttpRequest): string {
  return new RegExp(`(?:^|;) *${COOKIE}=([\\w-]{1,64})`).exec(request.header("cookie") ?? "")?.[1] ?? "";
}
