/**
 * Finds a Redis for the tests, once per run. A missing Redis is never a reason to skip: it is installed
 * where that needs no question, and otherwise the run stops with the one command to type.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of redis-server or valkey-server. */
    redisServer: string;
    /** REDIS_URL, or empty: a server for the tests that need no more than one that runs. */
    redisUrl: string;
  }
}

type Installer = Readonly<{ tool: string; commands: readonly (readonly string[])[] }>;

const INSTALLERS: readonly Installer[] = [
  {
    tool: "apt-get",
    commands: [
      ["apt-get", "update"],
      ["apt-get", "install", "-y", "--no-install-recommends", "redis-server"],
    ],
  },
  { tool: "apk", commands: [["apk", "add", "--no-cache", "redis"]] },
  { tool: "dnf", commands: [["dnf", "install", "-y", "valkey"]] },
];

export function setup(project: TestProject): void {
  project.provide("redisServer", findServer() ?? install());
  project.provide("redisUrl", process.env["REDIS_URL"] ?? "");
}

function findServer(): string | undefined {
  return findProgram("redis-server") ?? findProgram("valkey-server");
}

function install(): string {
  const installer = INSTALLERS.find(({ tool }) => findProgram(tool) !== undefined);
  const typed = installer?.commands.map((command) => command.join(" ")).join(" && ");
  if (installer === undefined || typed === undefined) {
    throw new Error(
      "The tests need redis-server or valkey-server on the PATH: install one (macOS: `brew install redis`)",
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`The tests need redis-server on the PATH. Type: sudo sh -c '${typed}'`);
  }
  console.log(`No redis-server found, installing it: ${typed}`);
  for (const [program = "", ...args] of installer.commands) {
    // RUNLEVEL=1 keeps Debian from starting its service. Ours would not meet it anyway: they listen on
    // sockets of their own, on no port, in folders of their own.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const { status, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
    if (status !== 0) {
      throw new Error(
        `\`${program} ${args.join(" ")}\` failed: ${stderr.trim()}\nType it yourself: ${typed}`,
      );
    }
  }
  const server = findServer();
  if (server === undefined) throw new Error(`redis-server is still not on the PATH after: ${typed}`);
  return server;
}

function findProgram(name: string): string | undefined {
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
