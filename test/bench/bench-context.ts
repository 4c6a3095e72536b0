/** What every part of the benchmark is handed. */
import type { Measured } from "./figure.ts";
import type { LoadGenerator } from "./load.ts";
import type { Options } from "./options.ts";

export type BenchContext = Readonly<{
  options: Options;
  load: LoadGenerator;
  /** A new folder on the data disk. */
  newFolder(): string;
  /** The median time of an fdatasync on the data disk right now, in µs. */
  fsyncUs(): number;
  /** Is a figure of this name, or one that begins with it, asked for? */
  wants(name: string): boolean;
  emit(figure: Measured): void;
  /** Progress, for whoever watches. */
  say(text: string): void;
}>;

/** Until then the compiler works beside the server, and on few cores takes the larger part of them. */
export function warmUpSeconds({ quick }: Options): number {
  return quick ? 1 : 6;
}
