/** The source of another revision, in its own folder, ready to run. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export type Checkout = Readonly<{ folder: string; revision: string }>;

/**
 * @param revision anything that git accepts as a commit.
 * @throws Error if git does not know it, or npm cannot install its packages.
 */
export function checkOut(revision: string, folder: string): Checkout {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: ROOT, maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "inherit"] });
  const commit = git("rev-parse", "--verify", "--short", `${revision}^{commit}`).toString().trim();
  mkdirSync(folder, { recursive: true });
  const archive = git("archive", commit, "src", "package.json", "package-lock.json");
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  if (lockFileOf(folder) === lockFileOf(ROOT)) {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  } else {
    execFileSync("npm", ["ci", "--omit=dev", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  }
  return { folder, revision: commit };
}

function lockFileOf(root: string): string {
  return readFileSync(join(root, "package-lock.json"), "utf8");
}
