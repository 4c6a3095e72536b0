/** What every act of a programme has: it is a command, or goes with a transfer. */

/**
 * What the archive knew of a name when it held the home shard's log up to this place.
 *
 * `by`: the transfer that has taken the name (empty where an act without one has), `null`: nobody yet.
 */
export type Seen = Readonly<{ epoch: number; seq: number; by: string | null }>;

/** Plain data, as the log can hold it. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | Readonly<{ [name: string]: JsonValue }>;

/** What may be asked of a programme: by itself, or together with a transfer. Plain data. */
export type Act = Readonly<{
  programme: string;
  act: string;
  /** The thing that decides, as `points:alice`; like an account's id it names a vnode by the part before the first `/`. */
  subject: string;
  /** Where it is decided, when something else than the subject says so. */
  vnode?: number;
  /** A second owner key for the act's key, for repeats that can no longer find the subject. */
  aliasOwner?: string;
  /** Handed in by the gateway when the shard has asked for it: what the archive says of the act's claim. */
  seen?: Seen;
}>;
