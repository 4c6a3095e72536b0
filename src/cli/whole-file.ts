/** Writes files that appear only when they are complete. */
import { createWriteStream, existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError } from "./errors.ts";
import { printLines } from "./terminal.ts";

/** @throws OperatorError if the file exists and `force` is false. */
export function checkReplaceable(file: string, force = false): void {
  if (!force && existsSync(file))
    throw new OperatorError(`${file} exists: give another name, or --force to replace it`);
}

/** Writes to a temporary file next to the target, syncs it, and renames it. */
export async function writeWhole(
  file: string,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  const partial = `${file}.${process.pid}.part`;
  try {
    await printLines(lines, createWriteStream(partial, { flags: "wx", flush: true }));
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
