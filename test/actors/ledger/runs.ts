/** How often a property is tried. */

/** A part of the usual number where the same tests run thousands of times: see test/mutation. */
export const RUNS_SHARE = Number(process.env["PROPERTY_RUNS_SHARE"] ?? 1);

export function runs(usual: number): number {
  return Math.ceil(usual * RUNS_SHARE);
}
