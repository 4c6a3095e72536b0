/** What requests that change something have in common: key and body; and the commands that programmes make of them. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Asked } from "../actors/asked.ts";
import type { ActAlone, Transfer } from "../actors/command.ts";
import type { CompoundTransfer } from "../actors/compound-command.ts";
import type { Act } from "../actors/programmes/programme.ts";
import { vnodeOfAccount } from "../actors/routing.ts";
import { readJson, readNothing } from "./body.ts";
import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import { asCompound } from "./compound-request.ts";
import { canonicalJson, fingerprintOf } from "./fingerprint.ts";
import { idempotencyKey } from "./idempotency.ts";
import { check, mayBeEmpty } from "./validation.ts";

export type Change<T> = Readonly<{ value: T; asked: Asked }>;

type Move = Readonly<{
  debit: string;
  credit: string;
  amount: number;
  memo?: string | null;
  occurredAtMs?: number | null;
}>;

type ChangeOptions<T> = Readonly<{
  /** Of the body. */
  bytesMax?: number;
  /** What of the body makes the fingerprint, which stands in the log: no secrets. */
  shown?: (value: T) => unknown;
}>;

/** A body whose members are all optional may be left out. @throws Problem 400, 413, 415 */
export async function readChange<T>(
  c: Context,
  call: Call,
  clock: Clock,
  schema: z.ZodType<T>,
  { bytesMax, shown = (value) => value }: ChangeOptions<T> = {},
): Promise<Change<T>> {
  const key = idempotencyKey(c, clock.nowMs());
  const value = check(schema, await readJson(c, bytesMax, () => mayBeEmpty(schema)));
  return { value, asked: askedBy(c, call, key, () => canonicalJson(shown(value))) };
}

/** The same of a request without a body. @throws Problem 400, 415 */
export async function readBareChange(c: Context, call: Call, clock: Clock): Promise<Asked> {
  const key = idempotencyKey(c, clock.nowMs());
  await readNothing(c);
  return askedBy(c, call, key, () => "");
}

export function actOf(asked: Asked, act: Act): ActAlone {
  return { op: "act", ...asked, act };
}

/** A transfer that an act comes with: decided where the act's subject lives. */
export function transferWith(asked: Asked, act: Act, move: Move): Transfer {
  const { partner, key, fingerprint } = asked;
  const { debit, credit, amount, memo = null, occurredAtMs = null } = move;
  const vnode = vnodeOfAccount(partner, act.subject);
  const names = { op: "transfer", partner, key, fingerprint } as const;
  return { ...names, debit, credit, amount, memo, metadata: null, occurredAtMs, vnode, act };
}

/** The same, pending: until it is posted or voided, or has expired. */
export function pendingWith(
  asked: Asked,
  act: Act,
  move: Move,
  timeoutMs: number | null = null,
): CompoundTransfer {
  return { ...asCompound(transferWith(asked, act, move)), pending: true, timeoutMs };
}

function askedBy(c: Context, { partner, method }: Call, key: string | null, canonical: () => string): Asked {
  const fingerprint = key === null ? 0 : fingerprintOf(method, decoded(c.req.path), canonical());
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
