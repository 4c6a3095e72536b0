/** Number of runs of property tests. */

/** Fraction of the usual number. Below 1 for mutation tests, which run the same tests thousands of times. */
export const RUNS_SHARE = Number(process.env["PROPERTY_RUNS_SHARE"] ?? 1);

export function runs(usual: number): number {
  return Math.ceil(usual * RUNS_SHARE);
}
