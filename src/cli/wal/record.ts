/** Decodes and filters records of the log for the command line. Pure. */
import { readRecords } from "../../actors/records/codec.ts";
import type { LogRecord } from "../../actors/records/command.ts";
import { plural } from "../../text/plural.ts";
import type { Frame } from "../../wal/frame.ts";

export type RecordFilter = Readonly<{ account?: string; partner?: string; key?: string }>;

/**
 * All records of a batch; a claim has none.
 *
 * @throws PackError, TypeError if the body is not valid for this version. @throws RangeError if the number of records
 * differs from the frame's header.
 */
export function recordsOf(frame: Frame): readonly LogRecord[] {
  if (frame.kind === "claim") return [];
  const records: LogRecord[] = [];
  readRecords(frame.body, (command, outcome) => records.push({ command, outcome }));
  if (records.length !== frame.count) {
    throw new RangeError(
      `it holds ${records.length} ${plural(records.length, "record")}, its header says ${frame.count}`,
    );
  }
  return records;
}

/** Whether the filter is empty, so that claims are shown too. */
export function isAll({ account, partner, key }: RecordFilter): boolean {
  return account === undefined && partner === undefined && key === undefined;
}

export function matches(record: LogRecord, { account, partner, key }: RecordFilter): boolean {
  const { command } = record;
  if (partner !== undefined && command.partner !== partner) return false;
  if (key !== undefined && command.key !== key) return false;
  return account === undefined || accountsOf(record).has(account);
}

/** Every account that a record names, including those of a rejection. */
export function accountsOf({ command, outcome }: LogRecord): ReadonlySet<string> {
  const accounts = new Set<string>();
  const addPostings = (postings: readonly Readonly<{ debit: string; credit: string }>[]) => {
    for (const { debit, credit } of postings) accounts.add(debit).add(credit);
  };
  switch (command.op) {
    case "transfer":
    case "credit":
      addPostings([command]);
      break;
    case "compound_transfer":
      addPostings(command.postings);
      break;
    case "revert_transfer":
      if (command.original !== null) addPostings(command.original.postings);
      break;
    case "portion":
      addPostings(command.transfer.postings);
      break;
    case "reserve":
      for (const { account } of command.legs) accounts.add(account);
      break;
    case "create_account":
    case "update_account":
    case "set_account_status":
      accounts.add(command.id);
      break;
    case "act":
      accounts.add(command.act.subject);
      break;
    default:
  }
  if (!outcome.ok) {
    if (outcome.subject !== null) accounts.add(outcome.subject);
    return accounts;
  }
  if ("transfer" in outcome) addPostings(outcome.transfer.postings);
  if ("moves" in outcome) for (const { account } of outcome.moves) accounts.add(account);
  return accounts;
}
