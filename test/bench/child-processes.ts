/** Starts the benchmark's processes; none of them outlives it, however it ends. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const alive = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => process.exit(code));
}

export type Spawned = Readonly<{ child: ChildProcess; pid: number }>;

export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Spawned {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} did not start`);
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  return { child, pid };
}

const START_MS_MAX = 60_000;

/**
 * Resolves with the first line that matches; later output is discarded. Rejects with the last output of a child that
 * ends or takes too long.
 */
export async function waitForLine({ child }: Spawned, pattern: RegExp): Promise<RegExpExecArray> {
  const said: string[] = [];
  const deadline = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  if (child.stdout === null) throw new TypeError("this child's output is not read");
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(`${line}\n`);
    const match = pattern.exec(line);
    if (match === null) continue;
    clearTimeout(deadline);
    child.stdout.resume();
    return match;
  }
  throw new Error(`${child.spawnargs.join(" ")} ended:\n${said.slice(-20).join("")}`);
}

/** Runs a program to its end. @returns its stdout. Rejects if it fails or takes too long. */
export async function run(
  program: string,
  args: readonly string[],
  options: SpawnOptions & { timeoutMs: number },
): Promise<string> {
  const { timeoutMs, ...rest } = options;
  const { child } = start(program, args, rest);
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  const deadline = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(deadline);
  if (code !== 0) {
    const words = Buffer.concat([...out, ...errors])
      .toString()
      .slice(-2000);
    throw new Error(`${program} ended with ${signal ?? code}: ${words}`);
  }
  return Buffer.concat(out).toString();
}

export async function stop({ child }: Spawned): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const hanging = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await exited;
  clearTimeout(hanging);
}
