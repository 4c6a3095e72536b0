/** What the process that runs the tests is told, and what it tells. */

export type Plan = Readonly<{
  /** The mutants to be tried, by their numbers. */
  mutants: readonly number[];
  /** Of every mutant, tried or not, the file. */
  files: readonly string[];
  /** By file, those that import it. */
  importers: Readonly<Record<string, readonly string[]>>;
  /** A test with a mutant is ended after 20 times its own duration, but not before this many milliseconds. */
  limitMsLeast: number;
  /** The file for the results so far. */
  results: string;
  /** The file for the mutant that is being tried. */
  running: string;
}>;

export type Results = Readonly<{
  /** By mutant, the test that has found it. */
  killed: Record<number, string>;
  /** Killed mutants whose test did not come to its end: it took too long, or took all memory. */
  ended: readonly number[];
  /** Mutants that some test came by. */
  met: readonly number[];
  /** Ids of the tests that have run with every mutant. */
  tests: readonly string[];
}>;

/** `null` while no mutant is tried. */
export type Running = Readonly<{ id: number; test: string }> | null;
