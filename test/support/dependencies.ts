/** What is wrong with the packages that the lock file names: their licences, and what the registry knows against them. */

export type LockFile = Readonly<{
  packages: Readonly<Record<string, Readonly<{ version?: string; license?: string }>>>;
}>;

/** SPDX names. None asks for more than to be named along, but MPL-2.0, which does for changes to its own files. */
const ALLOWED = new Set(
  ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Zlib", "MPL-2.0"].concat([
    "BlueOak-1.0.0",
    "CC0-1.0",
    "Python-2.0",
    "Unlicense",
  ]),
);

/** A line for each package of the lock file whose licence is not allowed, or not said. */
export function licenceFaults({ packages }: LockFile): readonly string[] {
  return Object.entries(packages)
    .filter(([path, { license }]) => path !== "" && !isAllowed(license ?? ""))
    .map(
      ([path, { version, license = "none" }]) => `${path}@${version}: the licence ${license} is not allowed`,
    );
}

/** Of a choice one must be allowed, of a sum all. What is put together of both is not understood, and so not allowed. */
function isAllowed(expression: string): boolean {
  const plain = expression.replace(/^\(([^()]*)\)$/, "$1");
  if (plain.includes(" OR ")) return plain.split(" OR ").some((licence) => ALLOWED.has(licence));
  return plain.split(" AND ").every((licence) => ALLOWED.has(licence));
}

type Audit = Readonly<{ faults: readonly string[]; leftOut: string | undefined }>;

function leftOut(why: string): Audit {
  return { faults: [], leftOut: `npm audit was left out: ${why}` };
}

/**
 * @param report what `npm audit --json` has written.
 * @returns a line for each package that something is known against; `leftOut` says why nothing is known at all.
 */
export function auditOf(report: string): Audit {
  let said: Readonly<{ message?: string; vulnerabilities?: Readonly<Record<string, { severity: string }>> }>;
  try {
    said = JSON.parse(report) as typeof said;
  } catch {
    return leftOut("the registry does not answer");
  }
  if (said.vulnerabilities === undefined) return leftOut(said.message ?? "the registry has no answer");
  const faults = Object.entries(said.vulnerabilities).map(
    ([name, { severity }]) => `${name}: npm audit knows something against it (${severity})`,
  );
  return { faults, leftOut: undefined };
}
