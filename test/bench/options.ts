import { parseArgs } from "node:util";
import { count } from "../support/flags.ts";

export type Options = Readonly<{
  runs: number;
  /** Duration of one run of load. */
  seconds: number;
  /** Accounts that single and batch transfers are spread over. */
  accounts: number;
  /** Number of accounts and keys in the measurement of the heap. */
  heapObjects: number;
  shards: number | undefined;
  only: string;
  quick: boolean;
  /** A git revision to compare this checkout with; nothing else is measured then. */
  against: string | undefined;
}>;

const QUICK = { runs: 1, seconds: 1, accounts: 1_000, heapObjects: 50_000 };
const FULL = { runs: 5, seconds: 2, accounts: 10_000, heapObjects: 200_000 };

/** @throws TypeError for an unknown flag, RangeError for a number out of range. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      runs: { type: "string" },
      seconds: { type: "string" },
      accounts: { type: "string" },
      shards: { type: "string" },
      only: { type: "string", default: "" },
      against: { type: "string" },
    },
  });
  const base = values.quick ? QUICK : FULL;
  return {
    runs: countIf("runs", values.runs) ?? base.runs,
    seconds: countIf("seconds", values.seconds) ?? base.seconds,
    accounts: countIf("accounts", values.accounts) ?? base.accounts,
    heapObjects: base.heapObjects,
    shards: countIf("shards", values.shards),
    only: values.only,
    quick: values.quick,
    against: values.against,
  };
}

function countIf(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : count(name, text);
}
