/**
 * What is asked and decided about transfers that are more than one posting at once: pending ones, those of several
 * postings, reverts. Their records say in full what they did, so that replay and archive need no second record.
 *
 * A part on another shard is asked first (pinned, or reserved where something is taken), and moved by an ordered message
 * once the home's record, which is the commit, is durable.
 */
import type { Act, JsonValue, Seen } from "./act.ts";
import type { CommandHeader } from "./command-header.ts";

/** An amount that moves from one account to another of the same asset. */
export type Posting = Readonly<{ debit: string; credit: string; amount: number }>;

export type TransferStatus = "posted" | "pending" | "voided" | "expired";

/** A transfer as it stands after a record. `postedAmount` is the sum over its postings. */
export type TransferView = Readonly<{
  id: string;
  status: TransferStatus;
  postings: readonly Posting[];
  postedAmount: number;
  memo: string | null;
  metadata: string | null;
  occurredAtMs: number | null;
  createdAtMs: number;
  /** Of a pending one that has a time-out. */
  expiresAtMs: number | null;
  /** The transfer that this one takes back. */
  reverts: string | null;
  /** What a programme had to do with its beginning, and what that came to. */
  act?: Act;
  effect?: JsonValue;
  /** Seqs of its two entries: of a plain one with an act, where it is read from the archive. */
  seqs?: readonly [debit: number, credit: number];
}>;

/**
 * What a record of expiry says of its transfer. The rest does not change, and stands in the record that made it: so many
 * may expire at one moment that their records have to be small.
 */
export type ExpiredTransfer = Omit<TransferView, "memo" | "metadata" | "act" | "effect">;

/** The facts of a transfer that never change: the owner of keys of its posts and voids, and the act that it began with. */
export type Origin = Readonly<{ owner: string; act: Act | null }>;

/** Whatever a `Transfer` is not: pending, of several postings, or of what there is. */
export interface CompoundTransfer extends CommandHeader {
  readonly op: "compound_transfer";
  /** 1 to 64, with amounts whose sum is a safe integer; a later one may spend what an earlier one brought. */
  readonly postings: readonly Posting[];
  /** Of one posting: moves what the debit account has available, up to the posting's amount. */
  readonly available: boolean;
  readonly pending: boolean;
  /** From its record on; `null` for a pending one that waits for ever. */
  readonly timeoutMs: number | null;
  readonly memo: string | null;
  readonly metadata: string | null;
  readonly occurredAtMs: number | null;
  /** Its home: `homeVnodeOf` the first posting, or where its act is decided. */
  readonly vnode: number;
  readonly act?: Act;
}

/** What the archive says of a transfer that is not open at its home any more; "none": there is no such transfer. */
export type Settled = Exclude<TransferStatus, "pending"> | "none";

export interface PostTransfer extends CommandHeader {
  readonly op: "post_transfer";
  readonly id: string;
  /** Owner key of the idempotency key: that of the debit account. Absent without a key, and in older records. */
  readonly owner?: string;
  /** `null`: all that is left. */
  readonly amount: number | null;
  /** Releases what is left after it. */
  readonly final: boolean;
  /** Handed in by the gateway when the home has said that it does not know the transfer; `null` before. */
  readonly settled: Settled | null;
  /** Who is credited in place of the posting's credit account: of one posting, and with an act. */
  readonly credit?: string;
  readonly act?: Act;
}

export interface VoidTransfer extends CommandHeader {
  readonly op: "void_transfer";
  readonly id: string;
  /** As in a post. */
  readonly owner?: string;
  readonly settled: Settled | null;
  readonly act?: Act;
}

/** `postings` with the amounts that were posted; empty while nothing was, or while it is still pending. */
export type Original = Readonly<{ postings: readonly Posting[] }>;

export interface RevertTransfer extends CommandHeader {
  readonly op: "revert_transfer";
  /** Of the transfer that is to be taken back. */
  readonly id: string;
  /** Owner key of the idempotency key: that of the account whose money goes back first. Absent as in a post. */
  readonly owner?: string;
  /** As the archive has it; `null`: there is no such transfer. */
  readonly original: Original | null;
  /** The home of the way back, which is not always that of the original. */
  readonly vnode: number;
  /** What its programme has to take back with it. */
  readonly act?: Act;
  /** Handed in by the gateway when the home has asked for it: who has reverted the transfer, as the archive says. */
  readonly seen?: Seen;
}

/** A pending transfer's time is over. Made by its home. */
export interface ExpireTransfer extends CommandHeader {
  readonly op: "expire_transfer";
  readonly id: string;
}

/**
 * What legs are examined for: to be moved now (`post`), to be held (`hold`), to be moved as their transfer was held
 * (`capture`), or to be moved back (`revert`).
 */
export type Purpose = "post" | "hold" | "capture" | "revert";

/** One account's side of a posting: a negative amount is a debit. `vnode` is the account's, or that of the slice. */
export type Leg = Readonly<{
  /** Its index in the transfer. */
  posting: number;
  account: string;
  counterparty: string;
  vnode: number;
  amount: number;
}>;

/** A leg whose account is known to hold this asset. */
export type AssetLeg = Leg & Readonly<{ asset: string }>;

/** Keeps for a transfer of another shard what its debits here will need. Asked by that shard, and logged here. */
export interface Reserve extends CommandHeader {
  readonly op: "reserve";
  /** The transfer's id, which is also the name of the attempt: another attempt has another one. */
  readonly id: string;
  /** The shard that asks: the transfer's home. */
  readonly from: number;
  readonly purpose: "post" | "hold" | "revert";
  readonly legs: readonly Leg[];
}

/** The attempt has come to nothing. */
export interface Release extends CommandHeader {
  readonly op: "release";
  readonly id: string;
}

/** The part of a committed transfer that happens on another shard than its home: never refused. */
export interface Portion extends CommandHeader {
  readonly op: "portion";
  /** The sending shard, and the number of the message on its way to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
  readonly transfer: TransferView | ExpiredTransfer;
  /** How often the transfer was posted before. */
  readonly part: number;
  readonly purpose: Purpose;
  /** In the order of their postings; none where a reservation is only given back. */
  readonly legs: readonly AssetLeg[];
  /** When the home's record was logged. */
  readonly sentAtMs: number;
}

/**
 * A record without effect: what is logged after it is later than what was asked for. With a key it records that key for
 * `owner`, on whose shard it is, while another shard decides the command.
 */
export interface Tick extends CommandHeader {
  readonly op: "tick";
  readonly owner?: string;
  /** Where it is logged, if the owner key does not say. */
  readonly vnode?: number;
}

export type CompoundCommand =
  | CompoundTransfer
  | PostTransfer
  | VoidTransfer
  | RevertTransfer
  | ExpireTransfer
  | Reserve
  | Release
  | Portion
  | Tick;

/**
 * What a record did to one balance of its shard, which stands so after it. An amount is an entry of the account; with
 * amount 0 only `held` has changed, and `seq` has not. Of a system account the figures are the slice's.
 */
export type Move = Readonly<{
  posting: number;
  account: string;
  asset: string;
  vnode: number;
  amount: number;
  posted: number;
  held: number;
  seq: number;
}>;

/** A message to another shard, as its sender's record has it. */
export type SentPortion = Readonly<{ to: number; no: number; purpose: Purpose; legs: readonly AssetLeg[] }>;

/** What is kept on one balance until its transfer is posted, or comes to nothing. */
export type Hold = Readonly<{ account: string; asset: string; vnode: number; amount: number }>;

/** So much, in so many debits or credits, of one account. */
export type Use = Readonly<{ account: string; amount: number; count: number }>;

/** Room for credits that are still to come: of an account, or of one slice of a system account. */
export type Rise = Use & Readonly<{ slice?: Readonly<{ asset: string; vnode: number }> }>;

/**
 * A transfer after what was asked. In the log `moves` are those of the home's shard, and the others follow in the records
 * of their shards; the answer to the caller has them all.
 */
export type TransferChanged = Readonly<{
  ok: true;
  /** Of the transfer. */
  id: string;
  transfer: TransferView;
  moves: readonly Move[];
  sent: readonly SentPortion[];
  /** How often it was posted before this record. */
  part: number;
  /** Of one that becomes pending: what is held for it on its home, and the other shards that hold something. */
  holds: readonly Hold[];
  reservedAt: readonly number[];
  /** What those have reserved, as they said. */
  elsewhere: readonly Move[];
  /** Of the act that came with this record's command. */
  effect?: JsonValue;
}>;

export type TransferExpired = Omit<TransferChanged, "transfer"> & Readonly<{ transfer: ExpiredTransfer }>;

/** What a shard keeps for a transfer of another one. */
export type Reservation = Readonly<{
  partner: string;
  /** The transfer's home. */
  from: number;
  holds: readonly Hold[];
  rises: readonly Rise[];
  /** What was counted against limits, and when. */
  uses: readonly Use[];
  atMs: number;
}>;

/** `rises`: the room that balances must keep free. Of slices only since ADR 15. */
export type Reserved = Readonly<{
  ok: true;
  moves: readonly Move[];
  holds: readonly Hold[];
  rises: readonly Rise[];
}>;

export type Moved = Readonly<{ ok: true; moves: readonly Move[] }>;

/** What a compound command of each kind comes to when it is accepted. */
export interface CompoundAccepted {
  compound_transfer: TransferChanged;
  post_transfer: TransferChanged;
  void_transfer: TransferChanged;
  revert_transfer: TransferChanged;
  expire_transfer: TransferExpired;
  reserve: Reserved;
  release: Moved;
  portion: Moved;
  tick: Readonly<{ ok: true }>;
}
