/**
 * Fails if `npm ci` would refuse the lock file on another machine: if not all optional platform packages of a package
 * are in the registry, the lock file lacks them, and `npm install` does not report that (npm/cli#9846).
 */
import { spawnSync } from "node:child_process";

const { stdout, stderr, status } = spawnSync("npm", ["ci", "--dry-run"], { encoding: "utf8" });
const missing = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("Missing"));
for (const line of missing) process.stderr.write(`${line}\n`);
process.exitCode = missing.length > 0 ? 1 : (status ?? 1);
