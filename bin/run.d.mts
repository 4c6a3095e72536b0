/** The package with the runtime, for each platform and processor that has one. */
export const RUNTIME_PACKAGES: Readonly<Record<string, string>>;
/** Runs Node.js in the pinned version. @param args what follows `node` on a command line. */
export function run(args: readonly string[]): Promise<void>;
