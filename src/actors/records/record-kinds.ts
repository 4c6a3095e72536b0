/** The number of each kind of record in the log. */
import type { Command } from "./command.ts";

/** A number is never reused for another command. */
export const OPS = {
  transfer: 1,
  credit: 3,
  delivered: 4,
  compound_transfer: 5,
  post_transfer: 6,
  void_transfer: 7,
  revert_transfer: 8,
  expire_transfer: 9,
  create_account: 10,
  update_account: 11,
  set_account_status: 12,
  create_partner: 20,
  update_partner: 21,
  create_key: 22,
  revoke_key: 23,
  set_operator_key: 24,
  reserve: 30,
  release: 31,
  portion: 32,
  tick: 33,
  act: 40,
  notice: 41,
} as const satisfies Record<Command["op"], number>;

/** Only in records, never in a command: a transfer whose debit is on this shard and whose credit is on another. */
export const TRANSFER_SENT_OP = 2;
