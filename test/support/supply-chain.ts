/** Fails if a licence is not allowed or a package has a known vulnerability. Reports if there is no registry to ask. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { auditOf, type LockFile, licenceFaults } from "./dependencies.ts";

const AUDIT_MS_MAX = 60_000;

const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as LockFile;
const { stdout } = spawnSync("npm", ["audit", "--json", "--fetch-retries=0"], {
  encoding: "utf8",
  timeout: AUDIT_MS_MAX,
});
const { faults, leftOut } = auditOf(stdout ?? "");
if (leftOut !== undefined) process.stdout.write(`${leftOut}\n`);
const all = [...licenceFaults(lock), ...faults];
for (const fault of all) process.stderr.write(`${fault}\n`);
process.exitCode = all.length > 0 ? 1 : 0;
