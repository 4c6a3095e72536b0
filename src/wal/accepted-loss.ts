/**
 * The note of an operator in DATA_DIR that batches of the log are given up. The next server that starts reports it and
 * moves it away, to the folder with what was given up.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { syncFolder } from "../sync-folder.ts";

const NAME = "accepted-loss.json";
const FOLDER = "given-up";

/** Positions are `epoch-seq`. `keptUpTo` is the newest batch that is left, `lostUpTo` the newest that was remembered. */
export type AcceptedLoss = Readonly<{ shard: number; keptUpTo: string; lostUpTo: string; timeMs: number }>;

/** The folder with what was given up: batches of the archive, witnesses, notes. */
export function givenUpFolder(dataDir: string): string {
  return join(dataDir, FOLDER);
}

/** The losses that no server has reported yet. @throws SyntaxError the file is damaged */
export function readAcceptedLosses(dataDir: string): readonly AcceptedLoss[] {
  const file = join(dataDir, NAME);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as AcceptedLoss[]) : [];
}

/** Adds a loss. One of the same shard that continues it stays: the command was interrupted and run again. */
export function noteAcceptedLoss(dataDir: string, loss: AcceptedLoss): void {
  const others = readAcceptedLosses(dataDir).filter(
    ({ shard, keptUpTo }) => shard !== loss.shard || keptUpTo !== loss.keptUpTo,
  );
  const file = join(dataDir, NAME);
  const descriptor = openSync(`${file}.new`, "w");
  try {
    writeFileSync(descriptor, `${JSON.stringify([...others, loss])}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${file}.new`, file);
  syncFolder(dataDir);
}

/** Moves the note away. @param nowMs part of its new name, ms since 1970. */
export function moveAcceptedLosses(dataDir: string, nowMs: number): void {
  const file = join(dataDir, NAME);
  if (!existsSync(file)) return;
  mkdirSync(givenUpFolder(dataDir), { recursive: true });
  renameSync(file, join(givenUpFolder(dataDir), `accepted-loss-${nowMs}.json`));
}
