/**
 * Installs valkey-server, so that the log in a cluster is tested with WAITAOF as well. Debian 12 has it in its backports
 * only: these are read once, into a folder of their own, so that the machine's own sources stay as they are.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { backportsOf } from "./debian-backports.ts";
import { type CommandLine, findProgram, installCommands, type Packages, runInTurn } from "./programs.ts";

const VALKEY: Packages = { "apt-get": "valkey-server", apk: "valkey", dnf: "valkey" };
const RELEASE = "/etc/os-release";
const APT = "/etc/apt";
/** A machine without a network should find out soon. */
const PATIENCE = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10"] as const;

/** The path of valkey-server. Where it cannot be had, one line says what is tested without it. */
export function valkeyProgram(): string | undefined {
  const found = findProgram("valkey-server");
  if (found !== undefined) return found;
  const problem = install();
  const installed = findProgram("valkey-server");
  if (installed !== undefined) return installed;
  const reason = problem ?? "it is not on the PATH after its installation";
  console.log(`Logs in a cluster are tested with redis-server only. No valkey-server: ${reason}`);
  return undefined;
}

/** @returns why it failed. */
function install(): string | undefined {
  if (process.getuid?.() !== 0) return "only root can install it";
  if (findProgram("apt-get") !== undefined) return installFromBackports();
  const commands = installCommands(VALKEY);
  return commands === undefined ? "no package manager is known here" : runInTurn(commands);
}

function installFromBackports(): string | undefined {
  const backports = backportsOf(readFileSync(RELEASE, "utf8"), sources());
  if (backports === undefined) return `no source of ${APT} is the mirror of this system`;
  const dir = mkdtempSync(join(tmpdir(), "daybook-backports-"));
  try {
    const parts = join(dir, "sources");
    const lists = join(dir, "lists");
    mkdirSync(parts);
    mkdirSync(lists);
    writeFileSync(join(parts, basename(backports.file)), backports.text);
    return runInTurn([
      apt(parts, lists, "update", "-qq"),
      apt(parts, lists, "install", "-y", "--no-install-recommends", "-t", backports.suite, VALKEY["apt-get"]),
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** apt-get with sources and lists that are not the machine's. */
function apt(parts: string, lists: string, ...args: readonly string[]): CommandLine {
  const places = [`Etc::SourceList=-`, `Etc::SourceParts=${parts}`, `State::Lists=${lists}`];
  return ["apt-get", ...places.flatMap((place) => ["-o", `Dir::${place}`]), ...PATIENCE, ...args];
}

/** The files of apt's sources. */
function sources(): ReadonlyMap<string, string> {
  const parts = readdirSync(join(APT, "sources.list.d")).map((name) => `sources.list.d/${name}`);
  const files = new Map<string, string>();
  for (const file of ["sources.list", ...parts])
    try {
      files.set(file, readFileSync(join(APT, file), "utf8"));
    } catch {
      // Many systems have no sources.list.
    }
  return files;
}
