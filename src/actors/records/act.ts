/** An act: a programme's command, logged alone (`ActAlone`) or together with a transfer. */

/**
 * The archive's answer about a claimed name, valid for the home shard's log up to batch `epoch`-`seq`.
 *
 * `by` is the id of the transfer that took the name, empty if an act without a transfer took it, `null` if it is free.
 */
export type Seen = Readonly<{ epoch: number; seq: number; by: string | null }>;

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | Readonly<{ [name: string]: JsonValue }>;

/** Fields of every act. Each programme adds its own, which must be plain data. `E`: the type of the act's effect. */
export type Act<E extends JsonValue = JsonValue> = Readonly<{
  programme: string;
  act: string;
  /** What the act is about, such as `points:alice`. Its owner key determines the vnode, like an account id's. */
  subject: string;
  /** The vnode that decides the act, where it is not the subject's. */
  vnode?: number;
  /** A second owner under which the idempotency key is stored, for retries that can no longer find the subject. */
  aliasOwner?: string;
  /** The archive's answer about the act's claim. The gateway adds it when the shard has asked for it. */
  seen?: Seen;
  /** Never set. It only carries the type of the effect. */
  effect?: E;
}>;

/** The act as its transfer keeps it: without the archive's answer, and with its fields in the order of records. */
export function actOfTransfer(decided: Act): Act {
  const { programme, act, subject, seen: _seen, ...own } = decided;
  return { programme, act, subject, ...own };
}

export type EffectOf<A extends Act> = A extends Act<infer E> ? E : never;
