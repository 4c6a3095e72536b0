/**
 * Commands and outcomes of compound transfers: pending ones, those of several postings, and reverts. A record holds
 * all that it did, so that replay and archive need no second record.
 *
 * The home shard first asks each other shard to pin its credits and to reserve its debits. Its own record is the
 * commit. Once that is durable, an ordered message (`Portion`) moves the legs on each other shard.
 */
import type { Act, JsonValue, Seen } from "./act.ts";
import type { CommandHeader } from "./command-header.ts";
import type { Crossed } from "./crossing.ts";
import type { TransferDetails } from "./transfer-details.ts";

export type Posting = Readonly<{ debit: string; credit: string; amount: number }>;

export type TransferStatus = "posted" | "pending" | "voided" | "expired";

/** A transfer's state after a record. `postedAmount` is the sum over its postings. */
export interface TransferView extends TransferDetails {
  readonly id: string;
  readonly status: TransferStatus;
  readonly postings: readonly Posting[];
  readonly postedAmount: number;
  readonly createdAtMs: number;
  /** Expiry of a pending transfer; `null` if it never expires or was not pending. */
  readonly expiresAtMs: number | null;
  /** Id of the transfer that this one reverts. */
  readonly reverts: string | null;
  /** The act that the transfer was created with, and its effect. */
  readonly act?: Act;
  readonly effect?: JsonValue;
  /** The act with which it was posted or voided. Only in what is read from records. */
  readonly ending?: Act;
  /** Seqs of the two entries; only for a one-posting transfer with an act that is read from the archive. */
  readonly seqs?: readonly [debit: number, credit: number];
}

/**
 * A transfer in its record of expiry. The omitted fields never change and are in the record that created it. Many
 * transfers may expire at once, so these records must be small.
 */
export type ExpiredTransfer = Omit<TransferView, "memo" | "metadata" | "act" | "effect">;

/** Fixed facts of a transfer: the act it was created with, and the owner key for keys of its posts and voids. */
export type Origin = Readonly<{ owner: string; act: Act | null }>;

/** Creates a transfer that is pending, has several postings, or moves the available balance. */
export interface CompoundTransfer extends CommandHeader, TransferDetails {
  readonly op: "compound_transfer";
  /** 1 to 64; the sum of their amounts is a safe integer. A later posting may spend what an earlier one credited. */
  readonly postings: readonly Posting[];
  /** Only with one posting: moves the debit account's available balance, at most the posting's amount. */
  readonly available: boolean;
  readonly pending: boolean;
  /** Time to expiry from the log time of the record; `null`: never expires. */
  readonly timeoutMs: number | null;
  /** The vnode that decides the transfer: `homeVnodeOf` the first posting, or the act's vnode. */
  readonly vnode: number;
  readonly act?: Act;
}

/** The archive's answer about a transfer that is no longer open at its home; "none": there is no such transfer. */
export type Settled = Exclude<TransferStatus, "pending"> | "none";

/** Captures all or part of a pending transfer. */
export interface PostTransfer extends CommandHeader {
  readonly op: "post_transfer";
  readonly id: string;
  /** The debit account's owner key, which owns the idempotency key. Absent without a key, and in older records. */
  readonly owner?: string;
  /** `null`: the whole remaining amount. */
  readonly amount: number | null;
  /** Releases what remains held after this post. */
  readonly final: boolean;
  /** `null` at first. The gateway adds the archive's answer when the home does not know the transfer. */
  readonly settled: Settled | null;
  /** Credited instead of the posting's credit account. Only with one posting and an act. */
  readonly credit?: string;
  readonly act?: Act;
}

export interface VoidTransfer extends CommandHeader {
  readonly op: "void_transfer";
  readonly id: string;
  /** As in `PostTransfer`. */
  readonly owner?: string;
  readonly settled: Settled | null;
  readonly act?: Act;
}

/** The transfer to revert: its postings with the amounts posted; empty if it is pending or nothing was posted. */
export type Original = Readonly<{ postings: readonly Posting[] }>;

export interface RevertTransfer extends CommandHeader {
  readonly op: "revert_transfer";
  /** Id of the transfer to revert. */
  readonly id: string;
  /** Owner key of the account that is debited first; owns the idempotency key. Absent as in `PostTransfer`. */
  readonly owner?: string;
  /** The original as the archive has it; `null`: there is no such transfer. */
  readonly original: Original | null;
  /** The vnode that decides the revert, which may differ from the original's home. */
  readonly vnode: number;
  /** The act by which the original's programme reverts its own part. */
  readonly act?: Act;
  /** The archive's answer to who has reverted the transfer. The gateway adds it when the home has asked for it. */
  readonly seen?: Seen;
  /** Of the new transfer. Absent: none. */
  readonly memo?: string;
  /** Of the new transfer: canonical JSON text. Absent: none. */
  readonly metadata?: string;
}

/** Expires a pending transfer. Issued by its home shard. */
export interface ExpireTransfer extends CommandHeader {
  readonly op: "expire_transfer";
  readonly id: string;
}

/**
 * What legs are examined for: `post` moves them at once, `hold` holds their debits, `capture` moves legs whose debits
 * are held, `revert` moves them for a revert.
 */
export type Purpose = "post" | "hold" | "capture" | "revert";

/** One side of a posting; a negative amount is a debit. `vnode` is that of the account, or of the slice used. */
export type Leg = Readonly<{
  /** Zero-based index of the posting in the transfer. */
  posting: number;
  account: string;
  counterparty: string;
  vnode: number;
  amount: number;
}>;

/** A leg with its account's asset. */
export type AssetLeg = Leg & Readonly<{ asset: string }>;

/** Reserves what another shard's transfer will debit on this shard. Requested by that shard, logged by this one. */
export interface Reserve extends CommandHeader {
  readonly op: "reserve";
  /** The transfer's id. It identifies the attempt: a new attempt gets a new id. */
  readonly id: string;
  /** The transfer's home shard, which requests the reservation. */
  readonly from: number;
  readonly purpose: "post" | "hold" | "revert";
  readonly legs: readonly Leg[];
}

/** Releases the reservation of an attempt that was not committed. */
export interface Release extends CommandHeader {
  readonly op: "release";
  readonly id: string;
}

/** The part of a committed transfer on a shard other than its home. Never refused. */
export interface Portion extends CommandHeader {
  readonly op: "portion";
  /** The sending shard, and the message's sequence number from that shard to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
  readonly transfer: TransferView | ExpiredTransfer;
  /** Number of posts of the transfer before this one. */
  readonly part: number;
  readonly purpose: Purpose;
  /** In posting order; empty if the reservation is only released. */
  readonly legs: readonly AssetLeg[];
  /** Log time of the home's record. */
  readonly sentAtMs: number;
}

/**
 * A record that changes no balance. A read of a past time logs one, so that every later record has a later log time.
 * With a key, it records that key on the shard of `owner`, for a command that another shard decides.
 */
export interface Tick extends CommandHeader {
  readonly op: "tick";
  readonly owner?: string;
  /** The vnode that logs the tick, if it is not `owner`'s. */
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
 * One change of a balance by a record, with the balance after it. A non-zero amount is an entry of the account; with
 * amount 0 only `held` changed, and `seq` did not. For a system account the balance is that of the slice.
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

/** A message to another shard as its sender's record holds it: number `no` to shard `to`. */
export type SentPortion = Readonly<{ to: number; no: number; purpose: Purpose; legs: readonly AssetLeg[] }>;

/** An amount held on one balance until its transfer is posted, voided or expired, or its reservation is released. */
export type Hold = Readonly<{ account: string; asset: string; vnode: number; amount: number }>;

/** Sum and number of debits, or of credits, on one account, as counted against its limits. */
export type Use = Readonly<{ account: string; amount: number; count: number }>;

/** A credit reservation: headroom for credits still to come, on an account or on one slice of a system account. */
export type Rise = Use & Readonly<{ slice?: Readonly<{ asset: string; vnode: number }> }>;

/**
 * A transfer after a command. In the log, `moves` are those on the home shard; each other shard logs its own. The
 * answer to the caller has all of them.
 */
export type TransferChanged = Readonly<{
  ok: true;
  /** The transfer's id. */
  id: string;
  transfer: TransferView;
  moves: readonly Move[];
  sent: readonly SentPortion[];
  /** Number of posts of the transfer before this record. */
  part: number;
  /** Of a transfer that becomes pending: its holds on the home shard, and the other shards with holds for it. */
  holds: readonly Hold[];
  reservedAt: readonly number[];
  /** The moves by which those other shards hold it. */
  elsewhere: readonly Move[];
  /** The effect of the command's act. */
  effect?: JsonValue;
}> &
  Crossed;

export type TransferExpired = Omit<TransferChanged, "transfer"> & Readonly<{ transfer: ExpiredTransfer }>;

/** What a shard keeps for a transfer whose home is another shard. */
export type Reservation = Readonly<{
  partner: string;
  /** The transfer's home shard. */
  from: number;
  holds: readonly Hold[];
  /** Credit reservations. */
  rises: readonly Rise[];
  /** Debits counted against limits, and the log time at which they were. */
  uses: readonly Use[];
  atMs: number;
}>;

/** `rises` are credit reservations. Records from before ADR 15 hold none for slices. */
export type Reserved = Readonly<{
  ok: true;
  moves: readonly Move[];
  holds: readonly Hold[];
  rises: readonly Rise[];
}> &
  Crossed;

export type Moved = Readonly<{ ok: true; moves: readonly Move[] }> & Crossed;

/** The outcome of each kind of compound command when it is accepted. */
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
