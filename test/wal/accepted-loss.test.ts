/** The note of batches that an operator has given up. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type AcceptedLoss, noteAcceptedLosses, readAcceptedLosses } from "../../src/wal/accepted-loss.ts";

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "daybook-loss-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const loss = (shard: number, keptUpTo: string, lostUpTo: string, timeMs: number): AcceptedLoss => ({
  shard,
  keptUpTo,
  lostUpTo,
  timeMs,
});

test("a command that is run again notes the same losses, with the newest batch that any run has found", () => {
  const dir = folder();
  const [first, second] = [loss(0, "1-4", "1-12", 1), loss(1, "1-7", "1-8", 1)];
  noteAcceptedLosses(dir, [first, second]);
  // By now less remembers the lost batches of shard 0, and more those of shard 1.
  const more = loss(1, "1-7", "1-10", 2);
  noteAcceptedLosses(dir, [loss(0, "1-4", "1-9", 2), more]);
  expect(readAcceptedLosses(dir)).toEqual([first, more]);
});

test("a loss of another end is a further one", () => {
  const dir = folder();
  const [first, next] = [loss(0, "1-4", "1-12", 1), loss(0, "1-2", "1-4", 2)];
  noteAcceptedLosses(dir, [first]);
  noteAcceptedLosses(dir, [next]);
  expect(readAcceptedLosses(dir)).toEqual([first, next]);
});
