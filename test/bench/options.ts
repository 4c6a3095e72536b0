import { parseArgs } from "node:util";
import { count } from "../support/flags.ts";

export type Options = Readonly<{
  runs: number;
  /** Duration of one run of load. */
  seconds: number;
  /** Before: until then the compiler competes with the server, and on few cores uses most of them. */
  warmUpSeconds: number;
  /** Duration of one open-loop run: long enough that one request in a thousand is still many. */
  openSeconds: number;
  /** Accounts that single and batch transfers are spread over. */
  accounts: number;
  /** Number of accounts and keys in the measurement of the heap. */
  heapObjects: number;
  shards: number | undefined;
  only: string;
  quick: boolean;
  /** Only the measurements that machines are compared by, as a block to paste. */
  short: boolean;
  /** Whether the figures go into docs/BENCHMARKS.md. */
  report: boolean;
  /** A git revision to compare this checkout with; nothing else is measured then. */
  against: string | undefined;
}>;

const QUICK = { runs: 1, seconds: 1, warmUpSeconds: 1, openSeconds: 3, accounts: 1_000, heapObjects: 50_000 };
const SHORT = { ...QUICK, runs: 3, warmUpSeconds: 4, openSeconds: 5, accounts: 10_000 };
/** An even number of runs: of two loads, each is the first one in half of them. */
const FULL = { ...SHORT, runs: 4, openSeconds: 8, heapObjects: 200_000 };

/** Numbers of connections of single requests. */
export const CONNECTIONS = [64, 256] as const;

/** @throws TypeError for an unknown flag or two that exclude each other, RangeError for a number out of range. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      runs: { type: "string" },
      seconds: { type: "string" },
      accounts: { type: "string" },
      shards: { type: "string" },
      only: { type: "string", default: "" },
      against: { type: "string" },
    },
  });
  const { quick, short, report, only, against } = values;
  if (report && against !== undefined) throw new TypeError("--against writes no report");
  if (short && (report || quick || only !== "" || against !== undefined))
    throw new TypeError("--short has a selection of its own");
  const base = quick ? QUICK : short ? SHORT : FULL;
  return {
    ...base,
    runs: countIf("runs", values.runs) ?? base.runs,
    seconds: countIf("seconds", values.seconds) ?? base.seconds,
    accounts: countIf("accounts", values.accounts) ?? base.accounts,
    shards: countIf("shards", values.shards),
    only,
    quick,
    short,
    report,
    against,
  };
}

/**
 * Whether a part of the benchmark, or one of its measurements, is selected.
 *
 * @param selection names of measurements, or what they begin with.
 * @param name of a measurement, or the whole words that the names of several begin with.
 */
export function isSelected(selection: readonly string[], name: string): boolean {
  return selection.some((each) => name.startsWith(each) || each.startsWith(`${name}.`));
}

function countIf(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : count(name, text);
}
