/** Requests that change state: reads their key and body, and builds the commands of programmes from them. */
import type { z } from "@hono/zod-openapi";
import { vnodeOfAccount } from "../actors/ledger/routing.ts";
import { movedAccountsOf } from "../actors/programmes/programmes.ts";
import type { Act } from "../actors/records/act.ts";
import type { Command, Transfer } from "../actors/records/command.ts";
import type { CommandHeader } from "../actors/records/command-header.ts";
import type { CompoundTransfer } from "../actors/records/compound-command.ts";
import { newTransfer } from "../actors/records/plain-records.ts";
import { NO_DETAILS, type TransferDetails } from "../actors/records/transfer-details.ts";
import { assert } from "../errors/assert.ts";
import type { KeyScope, Ledger } from "../gateway/ports.ts";
import type { Call } from "./call.ts";
import { asCompound } from "./core/transfers/compound-request.ts";
import { canonicalJson, fingerprintOf } from "./input/fingerprint.ts";
import { check, checkEach, mayBeEmpty } from "./input/validation.ts";
import { Problem } from "./problem.ts";
import type { HttpRequest } from "./request.ts";
import { type JsonBounds, readJson, readNothing } from "./server/body.ts";
import { refusalOf } from "./write-answers.ts";

export type Change<T> = Readonly<{ value: T; header: CommandHeader }>;

/** What a request adds to the accounts of its act (`movedAccountsOf`). */
type Move = Readonly<{
  /** The credited account, where the act leaves it to the caller. */
  to?: string;
  amount: number;
}> &
  Partial<TransferDetails>;

type ChangeOptions<T> = Omit<JsonBounds, "mayBeEmpty"> &
  Readonly<{
    /**
     * The part of the body that enters the fingerprint, which is logged: it must contain neither secrets nor personal data
     * that can be erased.
     */
    shown?: (value: T) => unknown;
    /** A list that is too long to be checked in one piece. The schema of the body accepts any elements. */
    longList?: Readonly<{ member: keyof T & string; element: z.ZodType }>;
  }>;

/** Reads the body and key. A body whose members are all optional may be absent. @throws Problem 400, 413, 415 */
export async function readChange<T>(
  request: HttpRequest,
  call: Call,
  schema: z.ZodType<T>,
  { shown, longList, ...bounds }: ChangeOptions<T> = {},
): Promise<Change<T>> {
  const body = await readJson(request, {
    partner: call.partner,
    ...bounds,
    mayBeEmpty: () => mayBeEmpty(schema),
  });
  let value = check(schema, body);
  if (longList !== undefined) {
    const { member, element } = longList;
    const list: unknown = value[member];
    if (Array.isArray(list))
      value = { ...value, [member]: await checkEach(element, list, member, call.partner) };
  }
  const fingerprinted = shown === undefined ? value : await shown(value);
  return { value, header: commandHeader(request.path, call, () => canonicalJson(fingerprinted)) };
}

/**
 * `readChange` for a request without a body.
 *
 * @param path for the fingerprint, if the one of the request contains personal data. @throws Problem 400, 415
 */
export async function readBareChange(
  request: HttpRequest,
  call: Call,
  path = request.path,
): Promise<CommandHeader> {
  await readNothing(request);
  return commandHeader(path, call, () => "");
}

/**
 * The command to submit, for a route that must read state to build it. If the key is known, its first command is
 * submitted again unchanged, because that state may have changed since.
 *
 * @throws Problem 422 `idempotency_key_reused`, and whatever `make` throws
 */
export async function firstOrNew<C extends Command>(
  ledger: Ledger,
  header: CommandHeader,
  scope: KeyScope,
  make: () => C | Promise<C>,
): Promise<C> {
  const first = await firstCommandOf(ledger, header, scope);
  // The fingerprint includes the route, so the types agree.
  return first === undefined ? await make() : (first as C);
}

/** The command that first used the key; `undefined` if it is unknown. @throws Problem 422 `idempotency_key_reused` */
export async function firstCommandOf(
  ledger: Ledger,
  header: CommandHeader,
  scope: KeyScope,
): Promise<Command | undefined> {
  if (header.key === null) return undefined;
  const first = await ledger.first(header, scope);
  if (first === "reused") throw new Problem("idempotency_key_reused");
  return first;
}

/**
 * Records a key on its owner's shard, for a command that another shard decides: only the owner's shard knows all
 * keys of the owner.
 *
 * @returns the header (partner, key, fingerprint) for that command. @throws Problem 400, 422
 */
export async function recordKey(
  ledger: Ledger,
  header: CommandHeader,
  { owner, vnode }: KeyScope,
): Promise<CommandHeader> {
  if (header.key === null) return header;
  const at = vnode === undefined ? {} : { vnode };
  const taken = await ledger.submit({ op: "tick", ...header, owner, ...at });
  if ("refused" in taken) throw refusalOf(taken);
  // Keys of callers contain no spaces, so this key is unique.
  return { ...header, key: `${owner} ${header.key}` };
}

/** A transfer together with an act. The shard of the act's subject decides it. */
export function transferWith<A extends Act>(
  header: CommandHeader,
  act: A,
  move: Move,
): Transfer & Readonly<{ act: A }> {
  const { partner, key, fingerprint } = header;
  const { to, amount, ...details } = move;
  const accounts = movedAccountsOf(act);
  const debit = accounts?.debit;
  const credit = accounts?.credit ?? to;
  assert(debit != null && credit !== undefined, "an act with a transfer says whose money it moves");
  const vnode = vnodeOfAccount(partner, act.subject);
  const all = { ...NO_DETAILS, ...details };
  return { ...newTransfer(partner, key, fingerprint, debit, credit, amount, all, vnode), act };
}

/** `transferWith`, as a pending transfer. `timeoutMs`: time until expiry; `null`: it never expires. */
export function pendingWith(
  header: CommandHeader,
  act: Act,
  move: Move,
  timeoutMs: number | null = null,
): CompoundTransfer {
  return { ...asCompound(transferWith(header, act, move)), pending: true, timeoutMs };
}

function commandHeader(path: string, { partner, method, key }: Call, canonical: () => string): CommandHeader {
  const fingerprint = key === null ? 0 : fingerprintOf(method, decoded(path), canonical());
  return { partner, key, fingerprint };
}

/**
 * Decodes the path, so that an id has one fingerprint however it is escaped. A path that cannot be decoded contains
 * no valid id and is refused elsewhere.
 */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
