/** Checks the packages of the lock file: their licences, and known vulnerabilities. */

export type LockFile = Readonly<{
  packages: Readonly<Record<string, Readonly<{ version?: string; license?: string; link?: boolean }>>>;
}>;

/** SPDX names. All of them only require attribution, except MPL-2.0, which also covers changes to its own files. */
const ALLOWED = new Set(
  ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Zlib", "MPL-2.0"].concat([
    "BlueOak-1.0.0",
    // What htmx calls 0BSD, whose text its LICENSE has.
    "BSD-0-Clause",
    "CC0-1.0",
    "Python-2.0",
    "Unlicense",
  ]),
);

/** One line for each package of the lock file whose licence is missing or not allowed. */
export function licenceFaults({ packages }: LockFile): readonly string[] {
  return Object.entries(packages)
    .filter(([path, { license, link }]) => !isOwn(path, link) && !isAllowed(license ?? ""))
    .map(
      ([path, { version, license = "none" }]) => `${path}@${version}: the licence ${license} is not allowed`,
    );
}

/** This project, a workspace of it, or the link to one. */
function isOwn(path: string, link = false): boolean {
  return link || !path.split("/").includes("node_modules");
}

/**
 * Of alternatives (OR) one must be allowed, of combinations (AND) all. Mixed expressions are not parsed, so not
 * allowed.
 */
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
 * @param report the output of `npm audit --json`.
 * @returns a line for each package with a known vulnerability; `leftOut` says why nothing could be checked.
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
