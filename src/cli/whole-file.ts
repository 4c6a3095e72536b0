/** Files that appear whole or not at all. */
import { createWriteStream, existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError } from "./errors.ts";
import { printLines } from "./terminal.ts";

/** @throws OperatorError: it exists, and nobody said that it may go. */
export function checkReplaceable(file: string, force = false): void {
  if (!force && existsSync(file))
    throw new OperatorError(`${file} exists: give another name, or --force to replace it`);
}

/** Beside its place first, synced, then renamed: nobody ever sees half of it. */
export async function writeWhole(
  file: string,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  const fresh = `${file}.${process.pid}.part`;
  try {
    await printLines(lines, createWriteStream(fresh, { flags: "wx", flush: true }));
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
