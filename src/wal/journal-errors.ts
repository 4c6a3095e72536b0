/** The errors of a journal and of the checks before it starts. */
import { formatLogId, LogError, type LogId } from "./wal.ts";

export function fenced(name: string, id: LogId): LogError {
  return new LogError("fenced", `${name}: another owner has written ${formatLogId(id)}`);
}

export function appendLost(name: string, id: LogId, cause: LogError): LogError {
  return new LogError("append_lost", `${name}: ${formatLogId(id)} was not appended: ${cause.message}`, {
    cause,
  });
}

export function lostSinceRead(name: string, what: LogId | "its start"): LogError {
  const subject = typeof what === "string" ? what : formatLogId(what);
  const message = `${name}: ${subject} was read before the claim and is gone: the log must be read again`;
  return new LogError("append_lost", message);
}

export function lostInRestart(name: string, id: LogId): LogError {
  return appendLost(name, id, new LogError("append_lost", "the store lost it in another restart"));
}

export function lostData(name: string, reason: string, cause?: LogError): LogError {
  return new LogError(
    "log_lost_data",
    `${name} has lost data: ${reason}. Restore it from a copy, or run "daybook log repair", which restores what the archive holds; starting without it would lose acknowledged money`,
    cause && { cause },
  );
}

/** @param held the newest batch of the archive. @param folder the archive's folder. */
export function archiveBehind(name: string, upTo: LogId, held: LogId | undefined, folder: string): LogError {
  const end = held === undefined ? "holds nothing of it" : `ends at ${formatLogId(held)}`;
  return new LogError(
    "archive_behind",
    `${name} was trimmed up to ${formatLogId(upTo)}, but the archive in ${folder} ${end}: restore that folder from a copy; the batches between them exist nowhere else`,
  );
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
