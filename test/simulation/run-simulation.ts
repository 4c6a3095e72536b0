/** Runs the simulation in a child process, because it replaces the clocks of its process. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** The child is killed after this time, so that it does not outlive the test. */
const RUN_MS_MAX = 550_000;

export type Run = Readonly<{ code: number | null; output: string }>;

/** @param root the folder whose `src` is simulated. */
export async function runSimulation(args: readonly string[], root = process.cwd()): Promise<Run> {
  const child = spawn(process.execPath, ["test/simulation/simulate.ts", ...args], {
    cwd: root,
    // What is compiled of a copy is removed with the copy.
    env:
      root === process.cwd() ? process.env : { ...process.env, NODE_COMPILE_CACHE: join(root, "compiled") },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
  const [code, out, err] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { code, output: out + err };
}
