/** What requests that change something have in common: key and body; and the commands that programmes make of them. */
import type { z } from "@hono/zod-openapi";
import { vnodeOfAccount } from "../actors/ledger/routing.ts";
import type { Act } from "../actors/records/act.ts";
import type { ActAlone, Command, Transfer } from "../actors/records/command.ts";
import type { CommandHeader } from "../actors/records/command-header.ts";
import type { CompoundTransfer } from "../actors/records/compound-command.ts";
import type { KeyScope, Ledger } from "../gateway/ports.ts";
import type { Call } from "./call.ts";
import { asCompound } from "./core/transfers/compound-request.ts";
import { canonicalJson, fingerprintOf } from "./input/fingerprint.ts";
import { check, mayBeEmpty } from "./input/validation.ts";
import { Problem } from "./problem.ts";
import type { HttpRequest } from "./request.ts";
import { type JsonBounds, readJson, readNothing } from "./server/body.ts";
import { refusalOf } from "./writes.ts";

export type Change<T> = Readonly<{ value: T; asked: CommandHeader }>;

type Move = Readonly<{
  debit: string;
  credit: string;
  amount: number;
  memo?: string | null;
  occurredAtMs?: number | null;
}>;

type ChangeOptions<T> = Omit<JsonBounds, "mayBeEmpty"> &
  Readonly<{
    /** What of the body makes the fingerprint, which stands in the log: no secrets. */
    shown?: (value: T) => unknown;
  }>;

/** A body whose members are all optional may be left out. @throws Problem 400, 413, 415 */
export async function readChange<T>(
  request: HttpRequest,
  call: Call,
  schema: z.ZodType<T>,
  { shown = (value) => value, ...bounds }: ChangeOptions<T> = {},
): Promise<Change<T>> {
  const body = await readJson(request, { ...bounds, mayBeEmpty: () => mayBeEmpty(schema) });
  const value = check(schema, body);
  return { value, asked: askedBy(request, call, () => canonicalJson(shown(value))) };
}

/** The same of a request without a body. @throws Problem 400, 415 */
export async function readBareChange(request: HttpRequest, call: Call): Promise<CommandHeader> {
  await readNothing(request);
  return askedBy(request, call, () => "");
}

export function actOf(asked: CommandHeader, act: Act): ActAlone {
  return { op: "act", ...asked, act };
}

/**
 * The command to submit, for a route that must read state to build one. A known key's first command is submitted again as it
 * was, because that state may have changed or be forgotten since.
 *
 * @throws Problem 422 `idempotency_key_reused`, and whatever `make` throws
 */
export async function firstOrNew<C extends Command>(
  ledger: Ledger,
  asked: CommandHeader,
  scope: KeyScope,
  make: () => C | Promise<C>,
): Promise<C> {
  const first = await firstOf(ledger, asked, scope);
  // The fingerprint includes the route, so the types agree.
  return first === undefined ? await make() : (first as C);
}

/** The command that the key was first used for; `undefined` while the key is unknown. @throws Problem 422 `idempotency_key_reused` */
export async function firstOf(
  ledger: Ledger,
  asked: CommandHeader,
  scope: KeyScope,
): Promise<Command | undefined> {
  if (asked.key === null) return undefined;
  const first = await ledger.first(asked, scope);
  if (first === "reused") throw new Problem("idempotency_key_reused");
  return first;
}

/**
 * Records a key on its owner's shard, for a command that another shard decides: only the owner's shard knows all keys of the
 * owner. Returns the partner, key and fingerprint for that command. @throws Problem 400, 422
 */
export async function takeKey(
  ledger: Ledger,
  asked: CommandHeader,
  { owner, vnode }: KeyScope,
): Promise<CommandHeader> {
  if (asked.key === null) return asked;
  const at = vnode === undefined ? {} : { vnode };
  const taken = await ledger.submit({ op: "tick", ...asked, owner, ...at });
  if ("refused" in taken) throw refusalOf(taken);
  // Callers' keys contain no blanks, so this one is unique.
  return { ...asked, key: `${owner} ${asked.key}` };
}

/** A transfer that an act comes with: decided where the act's subject lives. */
export function transferWith(asked: CommandHeader, act: Act, move: Move): Transfer {
  const { partner, key, fingerprint } = asked;
  const { debit, credit, amount, memo = null, occurredAtMs = null } = move;
  const vnode = vnodeOfAccount(partner, act.subject);
  const names = { op: "transfer", partner, key, fingerprint } as const;
  return { ...names, debit, credit, amount, memo, metadata: null, occurredAtMs, vnode, act };
}

/** The same, pending: until it is posted or voided, or has expired. */
export function pendingWith(
  asked: CommandHeader,
  act: Act,
  move: Move,
  timeoutMs: number | null = null,
): CompoundTransfer {
  return { ...asCompound(transferWith(asked, act, move)), pending: true, timeoutMs };
}

function askedBy(
  request: HttpRequest,
  { partner, method, key }: Call,
  canonical: () => string,
): CommandHeader {
  const fingerprint = key === null ? 0 : fingerprintOf(method, decoded(request.path), canonical());
  return { partner, key, fingerprint };
}

/** An id is the same however a client encodes it; what cannot be decoded is no id, and refused elsewhere. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
