/**
 * The requests and answers of a client, or of the checker itself, in its diary. The audit compares them with what the
 * server shows, and relies on nothing that the server stores.
 */
import type { Answer } from "../stress/operation.ts";

export type Posting = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

/** The bodies that clients send; for an item of a batch, the item. */
export type Body = Readonly<{
  postings?: readonly Posting[];
  pending?: boolean;
  timeout_s?: number;
  memo?: string;
  amount?: number;
  final?: boolean;
  id?: string;
  asset?: string;
  limits?: readonly object[];
}>;

/** An operation with its own key. */
export type Ask = Readonly<{
  key: string;
  kind: "transfer" | "item" | "post" | "void" | "revert" | "account" | "patch";
  method: "POST" | "PATCH";
  path: string;
  body: Body | null;
  /** For commands on a transfer: its id. */
  about: string | null;
  /** Codes with which it may be rejected. */
  may: readonly string[];
  /** Accepting it would be a fault. */
  mustFail: boolean;
}>;

/** One answer, or several equal ones in a row. */
export type Heard = Readonly<{
  answer: Answer;
  /** A hash of the whole text of a final answer: a retry must get the same text. */
  digest: string;
  times: number;
}>;

/** An answer showed this balance of the account after its entry `seq`. */
export type Told = readonly [account: string, seq: number, posted: number];

export type Entry = Readonly<{
  /** ms since 1970. */
  atMs: number;
  /** Absent for reads. */
  ask?: Ask;
  heard?: readonly Heard[];
  told: readonly Told[];
  /** A sentence about an answer that was wrong. */
  fault?: string;
}>;
