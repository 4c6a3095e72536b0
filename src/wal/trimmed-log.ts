/** Finds where a log begins, and whether its owner has trimmed entries that another reader still needed. */
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

/** Small, since a log rarely begins with many claims. */
const READ_BYTES = 1 << 16;

/**
 * The predecessor of the log's first remaining batch, i.e. the batch up to which the log was trimmed. `undefined` if
 * the log holds its very first batch, holds no batch, or begins with damage (which replay will report).
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
    if (error instanceof FrameError || hasCode(error, ["log_corrupt"])) return undefined;
    throw error;
  }
}

function previousOf({ id, bytes }: StoredEntry): LogId | undefined {
  const frame = decodeFrame(bytes, id);
  return frame.kind === "batch" && frame.previousId.epoch > 0 ? frame.previousId : undefined;
}

/** The requested batches were trimmed. */
export class TrimmedError extends LogError {
  readonly stream: string;
  /** The batch up to which the log was trimmed. */
  readonly upTo: LogId;

  /** @param after the last entry that the reader has; `undefined`: it has none. */
  constructor(stream: string, upTo: LogId, after: LogId | undefined) {
    const rest = after === undefined ? "" : `, and was read up to ${formatLogId(after)} only`;
    super("log_trimmed", `${stream} was trimmed up to ${formatLogId(upTo)}${rest}`);
    this.name = "TrimmedError";
    this.stream = stream;
    this.upTo = upTo;
  }
}

/**
 * Explains an error of a reader that does not own the log. If the owner trims entries that were to be read next, the
 * gap looks like damage.
 *
 * @param after the last entry that the reader has; `undefined`: it has none.
 * @returns a TrimmedError if the gap was trimmed, else the error unchanged.
 * @throws LogError `log_unavailable`
 */
export async function toTrimmedError(
  stream: LogStream,
  after: LogId | undefined,
  error: unknown,
): Promise<unknown> {
  if (!hasCode(error, ["log_corrupt"])) return error;
  const upTo = await trimmedUpTo(stream);
  return isBehind(after, upTo) ? new TrimmedError(stream.name, upTo, after) : error;
}

/**
 * Whether the owner has trimmed the log since a reader began, so that the reader's error is no damage and no loss.
 *
 * @param before the batch up to which the log was trimmed when the reader began.
 */
export async function wasOvertaken(
  stream: LogStream,
  before: LogId | undefined,
  error: unknown,
): Promise<boolean> {
  return hasCode(error, ["log_corrupt", "log_lost_data"]) && (await isTrimmedPast(stream, before));
}

/** Whether a batch after `after` was trimmed; `undefined`: any batch at all. @throws LogError `log_unavailable` */
export async function isTrimmedPast(stream: LogStream, after: LogId | undefined): Promise<boolean> {
  return isBehind(after, await trimmedUpTo(stream));
}

function isBehind(after: LogId | undefined, upTo: LogId | undefined): upTo is LogId {
  return upTo !== undefined && (after === undefined || compareLogIds(upTo, after) > 0);
}

function hasCode(error: unknown, codes: readonly LogErrorCode[]): boolean {
  return error instanceof LogError && codes.includes(error.code);
}
