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
import { compareLogIds, parseLogId } from "./wal.ts";

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

/** Adds losses, all at once. One that an interrupted command has noted stays, with the newest batch that was remembered. */
export function noteAcceptedLosses(dataDir: string, losses: readonly AcceptedLoss[]): void {
  const noted = readAcceptedLosses(dataDir);
  const isSame = (a: AcceptedLoss, b: AcceptedLoss) => a.shard === b.shard && a.keptUpTo === b.keptUpTo;
  const others = noted.filter((loss) => !losses.some((other) => isSame(loss, other)));
  const merged = losses.map((loss) => {
    const known = noted.find((other) => isSame(loss, other));
    return known !== undefined && isAbove(known.lostUpTo, loss.lostUpTo) ? known : loss;
  });
  writeAcceptedLosses(dataDir, [...others, ...merged]);
}

function isAbove(a: string, b: string): boolean {
  return compareLogIds(parseLogId(a), parseLogId(b)) > 0;
}

/** Replaces the note. */
export function writeAcceptedLosses(dataDir: string, losses: readonly AcceptedLoss[]): void {
  const file = join(dataDir, NAME);
  const descriptor = openSync(`${file}.new`, "w");
  try {
    writeFileSync(descriptor, `${JSON.stringify(losses)}\n`);
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
