/** Runs commands as a person pastes them into a shell. zsh, if installed, is stricter than sh. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./programs.ts";
import { testFolder } from "./server.ts";

/** The installed shells with their command lines. An interactive zsh passes `#` as an argument. */
export const SHELLS: readonly (readonly [string, readonly string[]])[] = [
  ["sh", ["sh", "-s"]],
  ...(findProgram("zsh") === undefined ? [] : [["zsh", ["zsh", "-f", "-i"]] as const]),
];

/** The output of one `curl`: its status, and the body after any headers. */
export type Printed = Readonly<{ status: number; text: string; headers: string }>;

/**
 * @returns the output of each `curl` in the lines.
 * @throws Error if the shell itself reports an error.
 */
export async function paste(
  [program = "", ...args]: readonly string[],
  lines: string,
): Promise<readonly Printed[]> {
  const home = testFolder();
  writeFileSync(join(home, ".curlrc"), 'silent\nshow-error\nwrite-out = "\\n=== %{http_code}\\n"\n');
  const child = spawn(program, args, { env: { PATH: process.env["PATH"], HOME: home, PS1: "", PS2: "" } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end(lines);
  await once(child, "close");
  if (/not found|no matches|error|curl: /.test(stderr)) throw new Error(`${program} says: ${stderr}`);
  return [...stdout.matchAll(/([^]*?)\n=== (\d{3})\n/g)].map(([, printed = "", status]) => {
    const end = printed.startsWith("HTTP/") ? printed.indexOf("\r\n\r\n") : 0;
    return { status: Number(status), headers: printed.slice(0, end), text: printed.slice(end).trim() };
  });
}
