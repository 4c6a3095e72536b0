/**
 * Finds a Redis for the tests, once per run. A missing Redis is never a reason to skip tests: it is installed if that
 * needs no question, otherwise the run stops with the command to type.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of redis-server or valkey-server. */
    redisServer: string;
    /** The path of valkey-server, which has WAITAOF, if there is one besides; or empty. */
    valkeyServer: string;
    /** REDIS_URL, or empty: a running server for tests that need no private one. */
    redisUrl: string;
  }
}

/** The package of a program, by package manager. */
type Packages = Readonly<{ "apt-get": string; apk: string; dnf: string }>;

const REDIS: Packages = { "apt-get": "redis-server", apk: "redis", dnf: "valkey" };
const STRACE: Packages = { "apt-get": "strace", apk: "strace", dnf: "strace" };
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
} as const satisfies Record<keyof Packages, (name: string) => readonly (readonly string[])[]>;

export function setup(project: TestProject): void {
  project.provide("redisServer", findServer() ?? install("redis-server", REDIS, findServer));
  project.provide("valkeyServer", findProgram("valkey-server") ?? "");
  project.provide("redisUrl", process.env["REDIS_URL"] ?? "");
}

function findStrace(): string | undefined {
  return findProgram("strace");
}

function findServer(): string | undefined {
  return findProgram("redis-server") ?? findProgram("valkey-server");
}

/** The path of strace, for the tests that count system calls. */
export function straceProgram(): string {
  return findStrace() ?? install("strace", STRACE, findStrace);
}

function findChromium(): string | undefined {
  return findProgram("chromium") ?? findProgram("chromium-browser");
}

/** The path of Chromium, for the tests of pages in a browser. */
export function chromiumProgram(): string {
  return findChromium() ?? install("chromium", CHROMIUM, findChromium);
}

/** The paths of Prometheus and of its tool, for the tests of rules and dashboards. */
export function prometheusPrograms(): Readonly<{ prometheus: string; promtool: string }> {
  const prometheus =
    findProgram("prometheus") ?? install("prometheus", PROMETHEUS, () => findProgram("prometheus"));
  return { prometheus, promtool: findProgram("promtool") ?? "promtool" };
}

function install(wanted: string, packages: Packages, find: () => string | undefined): string {
  const tools = Object.keys(INSTALLERS) as (keyof Packages)[];
  const tool = tools.find((each) => findProgram(each) !== undefined);
  const commands = tool === undefined ? undefined : INSTALLERS[tool](packages[tool]);
  const typed = commands?.map((command) => command.join(" ")).join(" && ");
  if (commands === undefined || typed === undefined) {
    throw new Error(`The tests need ${wanted} on the PATH: install it (macOS: \`brew install redis\`)`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`The tests need ${wanted} on the PATH. Type: sudo sh -c '${typed}'`);
  }
  console.log(`No ${wanted} found, installing it: ${typed}`);
  for (const [program = "", ...args] of commands) {
    // RUNLEVEL=1 keeps Debian from starting its service. It would not disturb the tests: their servers listen on sockets
    // in their own folders, on no port.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const { status, stderr } = spawnSync(...inTurn(program, args), { env, encoding: "utf8" });
    if (status !== 0) {
      throw new Error(
        `\`${program} ${args.join(" ")}\` failed: ${stderr.trim()}\nType it yourself: ${typed}`,
      );
    }
  }
  const found = find();
  if (found === undefined) throw new Error(`${wanted} is still not on the PATH after: ${typed}`);
  return found;
}

/** Several workers may want the same program: one installs it, and the others find it installed when it is their turn. */
function inTurn(program: string, args: readonly string[]): [string, readonly string[]] {
  const lock = join(tmpdir(), "daybook-tests-install.lock");
  return findProgram("flock") === undefined ? [program, args] : ["flock", [lock, program, ...args]];
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
