/** What a log must hold before it is claimed or replayed. */
import { hashFrame } from "./frame.ts";
import { lostData } from "./journal-errors.ts";
import type { RetryWithDeadline } from "./retry-with-deadline.ts";
import { compareLogIds, formatLogId, type LogStream, type Witness } from "./wal.ts";

/** @param mayBeTrimmed accept a batch below the start of the log. The batch of a kept snapshot is never trimmed. */
export async function checkWitness(
  stream: LogStream,
  retry: RetryWithDeadline,
  witness: Witness,
  mayBeTrimmed: boolean,
): Promise<void> {
  const id = formatLogId(witness.id);
  let bytes = await retry.untilAnswered(() => stream.find(witness.id));
  if (bytes === undefined && stream.confirm !== undefined) {
    // A primary that was replaced, and does not know it, lacks what came later. It cannot confirm anything.
    await retry.untilAnswered(async () => stream.confirm?.());
    bytes = await retry.untilAnswered(() => stream.find(witness.id));
  }
  if (bytes === undefined) {
    const [first] = await retry.untilAnswered(() => stream.read(undefined, 1));
    const isBelow = first !== undefined && compareLogIds(witness.id, first.id) < 0;
    if (isBelow && mayBeTrimmed) return;
    const begins = isBelow ? `, but begins at ${formatLogId(first.id)}` : "";
    throw lostData(stream.name, `it held ${id} before and no longer does${begins}`);
  }
  if (Buffer.compare(hashFrame(bytes), witness.hash) !== 0)
    throw lostData(stream.name, `${id} is not the batch that it held before`);
}

/** Whether a missing stream may be created. @throws LogError `log_lost_data` */
export function checkMayCreate(
  name: string,
  {
    witnesses,
    mayCreate,
    claimedEpoch = 0,
  }: Readonly<{ witnesses: readonly Witness[]; mayCreate: boolean; claimedEpoch?: number }>,
): void {
  if (claimedEpoch > 0) throw lostData(name, "it no longer exists");
  const newest = witnesses.toSorted((a, b) => compareLogIds(b.id, a.id))[0];
  if (newest !== undefined)
    throw lostData(name, `it does not exist, but held ${formatLogId(newest.id)} before`);
  if (!mayCreate) throw lostData(name, "it does not exist, but other parts of this server's data do");
}
