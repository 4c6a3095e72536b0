/**
 * The programs that tests need besides Node. A missing one is never a reason to skip tests: it is installed if that
 * needs no question, otherwise the run stops with the command to type.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** The package of a program, by package manager. */
export type Packages = Readonly<{ "apt-get": string; apk: string; dnf: string }>;

/** A program with its arguments. */
export type CommandLine = readonly [program: string, ...args: string[]];

const REDIS: Packages = { "apt-get": "redis-server", apk: "redis", dnf: "valkey" };
const STRACE: Packages = { "apt-get": "strace", apk: "strace", dnf: "strace" };
const IPROUTE: Packages = { "apt-get": "iproute2", apk: "iproute2", dnf: "iproute" };
const PROMETHEUS: Packages = { "apt-get": "prometheus", apk: "prometheus", dnf: "golang-github-prometheus" };
const CHROMIUM: Packages = { "apt-get": "chromium", apk: "chromium", dnf: "chromium" };

/** Commands that install a package without a question. */
const INSTALLERS = {
  "apt-get": (name: string) => [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", name],
  ],
  apk: (name: string) => [["apk", "add", "--no-cache", name]],
  dnf: (name: string) => [["dnf", "install", "-y", name]],
} as const satisfies Record<keyof Packages, (name: string) => readonly CommandLine[]>;

/** The path of a Redis for the tests. */
export function redisProgram(): string {
  return findRedis() ?? install("redis-server", REDIS, findRedis);
}

function findRedis(): string | undefined {
  return findProgram("redis-server") ?? findProgram("valkey-server");
}

/** The path of strace, for the tests that count system calls. */
export function straceProgram(): string {
  return findProgram("strace") ?? install("strace", STRACE, () => findProgram("strace"));
}

/** The path of ip, for the tests that cut a network. */
export function ipProgram(): string {
  return findProgram("ip") ?? install("ip", IPROUTE, () => findProgram("ip"));
}

/** The path of Chromium, for the tests of pages in a browser. */
export function chromiumProgram(): string {
  return findChromium() ?? install("chromium", CHROMIUM, findChromium);
}

function findChromium(): string | undefined {
  return findProgram("chromium") ?? findProgram("chromium-browser");
}

/** The paths of Prometheus and of its tool, for the tests of rules and dashboards. */
export function prometheusPrograms(): Readonly<{ prometheus: string; promtool: string }> {
  const prometheus =
    findProgram("prometheus") ?? install("prometheus", PROMETHEUS, () => findProgram("prometheus"));
  return { prometheus, promtool: findProgram("promtool") ?? "promtool" };
}

function install(wanted: string, packages: Packages, find: () => string | undefined): string {
  const commands = installCommands(packages);
  const typed = commands?.map((command) => command.join(" ")).join(" && ");
  if (commands === undefined || typed === undefined) {
    throw new Error(`The tests need ${wanted} on the PATH: install it (macOS: \`brew install redis\`)`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`The tests need ${wanted} on the PATH. Type: sudo sh -c '${typed}'`);
  }
  console.log(`No ${wanted} found, installing it: ${typed}`);
  const problem = runInTurn(commands);
  if (problem !== undefined) throw new Error(`${problem}\nType it yourself: ${typed}`);
  const found = find();
  if (found === undefined) throw new Error(`${wanted} is still not on the PATH after: ${typed}`);
  return found;
}

/** The commands that install a package here; `undefined` without a known package manager. */
export function installCommands(packages: Packages): readonly CommandLine[] | undefined {
  const managers = Object.keys(INSTALLERS) as (keyof Packages)[];
  const manager = managers.find((each) => findProgram(each) !== undefined);
  return manager === undefined ? undefined : INSTALLERS[manager](packages[manager]);
}

/**
 * Runs commands of a package manager. Several workers may want the same program: one installs it, and the others find
 * it installed when it is their turn.
 *
 * @returns what failed; `undefined` if nothing did.
 */
export function runInTurn(commands: readonly CommandLine[]): string | undefined {
  // RUNLEVEL=1 keeps Debian from starting its service. It would not disturb the tests: their servers listen on sockets
  // in their own folders, or on free ports.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const lock = join(tmpdir(), "daybook-tests-install.lock");
  for (const command of commands) {
    const [program, ...args] =
      findProgram("flock") === undefined ? command : (["flock", lock, ...command] as const);
    const { status, stderr, error } = spawnSync(program, args, { env, encoding: "utf8" });
    if (status !== 0) return `\`${command.join(" ")}\` failed: ${error?.message ?? stderr.trim()}`;
  }
  return undefined;
}

/** The path of a program on the PATH. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
