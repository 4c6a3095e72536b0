/** What the process that runs the tests is told, and what it tells. */

export type Plan = Readonly<{
  /** The mutants to be tried, by their numbers. */
  mutants: readonly number[];
  /** Of every mutant, tried or not, the file. */
  files: readonly string[];
  /** By file, those that import it. */
  importers: Readonly<Record<string, readonly string[]>>;
  /** The file for the results so far. */
  results: string;
}>;

export type Results = Readonly<{
  /** By mutant, the test that has found it. */
  killed: Record<number, string>;
  /** Mutants that some test came by. */
  met: number[];
}>;
