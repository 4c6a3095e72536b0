/** The context of every part of the benchmark. */

import type { LoadGenerator } from "./loads/load.ts";
import type { Measured } from "./measurement.ts";
import type { Options } from "./options.ts";

export type BenchContext = Readonly<{
  options: Options;
  load: LoadGenerator;
  /** A new folder on the data disk. */
  newFolder(): string;
  /** The median time of an fdatasync on the data disk right now, in µs. */
  fsyncUs(): number;
  /** Whether a measurement of this name, or one that begins with it, is selected. */
  wants(name: string): boolean;
  emit(figure: Measured): void;
  /** Prints progress. */
  say(text: string): void;
}>;
