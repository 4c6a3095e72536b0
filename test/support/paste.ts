/** Commands as a person pastes them into a shell; zsh, where it is installed, is pickier than sh. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./redis-setup.ts";
import { testFolder } from "./server.ts";

/** Those that are there, by name: the command line of each. An interactive zsh takes `#` for an argument. */
export const SHELLS: readonly (readonly [string, readonly string[]])[] = [
  ["sh", ["sh", "-s"]],
  ...(findProgram("zsh") === undefined ? [] : [["zsh", ["zsh", "-f", "-i"]] as const]),
];

/** What one `curl` printed: its status, and the body behind the headers that it may have shown. */
export type Printed = Readonly<{ status: number; text: string; headers: string }>;

/**
 * What each `curl` among the lines printed.
 *
 * @throws Error when the shell itself has something to complain about.
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
