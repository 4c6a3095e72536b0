/** Runs the command line in a separate process, as a person does. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { COMPILED_BEFORE, within } from "../support/server.ts";

/** Every command and group of commands; the first is `daybook` itself. */
export const COMMANDS: readonly (readonly string[])[] = [
  [],
  ["serve"],
  ["wal"],
  ["wal", "info"],
  ["wal", "ls"],
  ["wal", "tail"],
  ["wal", "verify"],
  ["wal", "export"],
  ["log"],
  ["log", "repair"],
  ["log", "accept-loss"],
  ["archive"],
  ["archive", "verify"],
  ["archive", "repair"],
  ["replay"],
  ["snapshot"],
  ["seed"],
  ["listen"],
  ["trigger"],
  ["clock"],
  ["clock", "accept"],
  ["doctor"],
];

const CLI = join(import.meta.dirname, "../../src/cli/daybook.ts");
const RUN_MS_MAX = 30_000;

export type CliResult = Readonly<{
  code: number | null;
  stdout: string;
  stderr: string;
  lines: readonly string[];
}>;

/** A running command; it is killed at the end of the test. */
export class CliProcess {
  stdout = "";
  stderr = "";
  readonly child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [CLI, ...args], {
      env: { PATH: process.env["PATH"], ...COMPILED_BEFORE, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.#ended = once(this.child, "close");
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  async ended(): Promise<CliResult> {
    const [code] = await within(RUN_MS_MAX, `daybook ends: ${this.stderr}`, this.#ended);
    const lines = this.stdout.split("\n").filter((line) => line !== "");
    return { code: code as number | null, stdout: this.stdout, stderr: this.stderr, lines };
  }
}

export function daybook(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return new CliProcess(args, env).ended();
}

/** The output of a successful command with `--json`. */
export async function daybookJson<T>(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<T> {
  const { code, stdout, stderr } = await daybook([...args, "--json"], env);
  if (code !== 0) throw new Error(`daybook ${args.join(" ")}: exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export async function daybookJsonLines<T>(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly T[]> {
  const { code, lines, stderr } = await daybook([...args, "--json"], env);
  if (code !== 0) throw new Error(`daybook ${args.join(" ")}: exit code ${code}: ${stderr}`);
  return lines.map((line) => JSON.parse(line) as T);
}

const COLUMNS = 80;

/** The lines that a terminal would break. */
export function wideLinesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.length > COLUMNS);
}
