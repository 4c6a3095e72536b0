/** What `npm run check` reports about packages. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { auditOf, type LockFile, licenceFaults } from "./support/dependencies.ts";

function faultsOf(license: string | undefined): readonly string[] {
  const described = { version: "1.2.3", ...(license === undefined ? {} : { license }) };
  return licenceFaults({ packages: { "": { license: "UNLICENSED" }, "node_modules/x": described } });
}

test("every package of the lock file has an allowed licence", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as LockFile;
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(licenceFaults(lock)).toEqual([]);
});

test.each(["MIT", "(MIT AND Zlib)", "MIT OR Apache-2.0", "(GPL-3.0-only OR MIT)"])(
  "%s is allowed",
  (licence) => {
    expect(faultsOf(licence)).toEqual([]);
  },
);

test.each([
  undefined,
  "GPL-3.0-only",
  "MIT AND GPL-3.0-only",
  "(GPL-3.0-only OR AGPL-3.0-only)",
  "",
  "SEE LICENSE",
])("%s is not allowed", (licence) => {
  expect(faultsOf(licence)).toEqual([
    expect.stringMatching(/^node_modules\/x@1\.2\.3: the licence .* is not allowed$/),
  ]);
});

test("the project's own workspaces need no licence, but their packages do", () => {
  const none = { version: "1.2.3" };
  const packages = { "clients/x": none, "node_modules/@daybook/x": { ...none, link: true } };
  expect(licenceFaults({ packages })).toEqual([]);
  const [fault] = licenceFaults({ packages: { ...packages, "clients/x/node_modules/y": none } });
  expect(fault).toMatch(/^clients\/x\/node_modules\/y@1\.2\.3: the licence none is not allowed$/);
});

test("known vulnerabilities of a package are reported, and so is a missing registry", () => {
  const report = { auditReportVersion: 2, vulnerabilities: { x: { severity: "high" } } };
  expect(auditOf(JSON.stringify(report))).toEqual({
    faults: ["x: npm audit knows something against it (high)"],
    leftOut: undefined,
  });
  expect(auditOf(JSON.stringify({ ...report, vulnerabilities: {} }))).toEqual({
    faults: [],
    leftOut: undefined,
  });
  for (const silence of ["", "{}", '{"message":"405 Method Not Allowed"}']) {
    const { faults, leftOut } = auditOf(silence);
    expect(faults).toEqual([]);
    expect(leftOut).toMatch(/^npm audit was left out: /);
  }
});
