/** Where a log begins, and whether a reader that does not own it was overtaken by its owner, who trims. */
import { decodeFrame, FrameError } from "./frame.ts";
import {
  compareLogIds,
  formatLogId,
  LogError,
  type LogErrorCode,
  type LogId,
  type LogStream,
  type StoredEntry,
} from "./wal.ts";

/** A log seldom begins with many claims. */
const READ_BYTES = 1 << 16;

/**
 * The batch that the first batch of a log follows: the log was trimmed up to there. `undefined`: it holds its first batch,
 * or none, or its beginning is damaged, which whoever replays it will say.
 *
 * @throws LogError `log_unavailable`
 */
export async function trimmedUpTo(stream: LogStream): Promise<LogId | undefined> {
  try {
    for (let at: LogId | undefined; ; ) {
      const entries = await stream.read(at, READ_BYTES);
      const first = entries.find(({ id }) => id.seq > 0);
      if (first !== undefined) return previousOf(first);
      at = entries.at(-1)?.id;
      if (at === undefined) return undefined;
    }
  } catch (error) {
    if (error instanceof FrameError || isOf(error, ["log_corrupt"])) return undefined;
    throw error;
  }
}

function previousOf({ id, bytes }: StoredEntry): LogId | undefined {
  const frame = decodeFrame(bytes, id);
  return frame.kind === "batch" && frame.previousId.epoch > 0 ? frame.previousId : undefined;
}

/** What a reader asked for was trimmed. */
export class TrimmedError extends LogError {
  readonly stream: string;
  /** The batch up to which the log was trimmed. */
  readonly upTo: LogId;

  /** @param after the last entry that the reader has, `undefined`: none. */
  constructor(stream: string, upTo: LogId, after: LogId | undefined) {
    const rest = after === undefined ? "" : `, and was read up to ${formatLogId(after)} only`;
    super("log_trimmed", `${stream} was trimmed up to ${formatLogId(upTo)}${rest}`);
    this.name = "TrimmedError";
    this.stream = stream;
    this.upTo = upTo;
  }
}

/**
 * What a reader that does not own a log has met. Its owner may have trimmed what was to be read next: that looks like
 * damage, and is none.
 *
 * @param after the last entry that the reader has, `undefined`: none.
 * @returns a TrimmedError, or the error as it is.
 * @throws LogError `log_unavailable`
 */
export async function explainGap(
  stream: LogStream,
  after: LogId | undefined,
  error: unknown,
): Promise<unknown> {
  if (!isOf(error, ["log_corrupt"])) return error;
  const upTo = await trimmedUpTo(stream);
  return isBehind(after, upTo) ? new TrimmedError(stream.name, upTo, after) : error;
}

/**
 * The same for one that lacks a place in the log, or has met damage.
 *
 * @param before the batch up to which the log was trimmed when the reader looked at it first.
 */
export async function wasOvertaken(
  stream: LogStream,
  before: LogId | undefined,
  error: unknown,
): Promise<boolean> {
  return isOf(error, ["log_corrupt", "log_lost_data"]) && (await isTrimmedPast(stream, before));
}

/** Whether anything behind `after` was trimmed, `undefined`: anything at all. @throws LogError `log_unavailable` */
export async function isTrimmedPast(stream: LogStream, after: LogId | undefined): Promise<boolean> {
  return isBehind(after, await trimmedUpTo(stream));
}

function isBehind(after: LogId | undefined, upTo: LogId | undefined): upTo is LogId {
  return upTo !== undefined && (after === undefined || compareLogIds(upTo, after) > 0);
}

function isOf(error: unknown, codes: readonly LogErrorCode[]): boolean {
  return error instanceof LogError && codes.includes(error.code);
}
