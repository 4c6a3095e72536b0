/** Walks one stream from end to end and checks everything that can be checked of it. */
import { Chain } from "../wal/chain.ts";
import { NO_BATCH } from "../wal/frame.ts";
import {
  type Batch,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type StoredEntry,
  type Witness,
} from "../wal/wal.ts";
import { type Fault, findFault } from "./fault.ts";
import { recordsOf } from "./record.ts";
import { type ShardStream, tryDecode } from "./streams.ts";

const PAGE_BYTES = 4 << 20;

export type Place = Readonly<{ id: LogId; timeMs: number }>;

export type Verification = Readonly<{
  entries: number;
  batches: number;
  records: number;
  first: Place | undefined;
  last: Place | undefined;
  /** The first thing that is wrong. Nothing behind it was read. */
  fault: Readonly<{ fault: Fault; id: LogId | undefined; reason: string }> | undefined;
  /** Whether a witness was compared with the log, and found there. */
  witnessed: boolean;
}>;

export type VerificationOptions = Readonly<{
  /** A batch that was durable once, read before `until` was. */
  witness: Witness | undefined;
  /** Takes the first entry as it is, since what was before it was trimmed. */
  trimmed: boolean;
  onProgress: (entries: number) => void;
}>;

/** Why a stream does not continue at an entry that every other check lets through. */
class Refusal extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, reason: string) {
    super(reason);
    this.fault = fault;
  }
}

/** Reads up to the last entry of this moment. @throws LogError `log_unavailable`, as the stream does. */
export async function verifyStream(source: ShardStream, options: VerificationOptions): Promise<Verification> {
  const { stream } = source;
  const last = await stream.last();
  const walk = new Walk(source, options);
  if (last === undefined) return walk.end("the stream does not exist");
  for (let after: LogId | undefined; ; ) {
    const entries = await stream.read(after, PAGE_BYTES);
    for (const entry of entries) {
      if (compareLogIds(entry.id, last.id) > 0 || !walk.accept(entry)) return walk.end();
    }
    options.onProgress(walk.entries);
    after = entries.at(-1)?.id;
    if (after === undefined || compareLogIds(after, last.id) >= 0) return walk.end();
  }
}

class Walk {
  entries = 0;
  #batches = 0;
  #records = 0;
  #first: Place | undefined;
  #last: Place | undefined;
  #fault: Verification["fault"];
  #witnessed = false;
  readonly #source: ShardStream;
  readonly #options: VerificationOptions;
  readonly #chain: Chain;

  constructor(source: ShardStream, options: VerificationOptions) {
    this.#source = source;
    this.#options = options;
    this.#chain = new Chain(source.stream.name, options.trimmed ? "anywhere" : "beginning");
  }

  /** False at the first entry that is wrong. */
  accept(entry: StoredEntry): boolean {
    try {
      this.#check(entry);
      return true;
    } catch (error) {
      this.#fault = { id: entry.id, ...this.#explain(entry, error) };
      return false;
    }
  }

  /** @param missing why there is nothing to walk over. */
  end(missing?: string): Verification {
    const { witness } = this.#options;
    const { id } = this.#last ?? {};
    if (missing !== undefined) this.#fault = { fault: "lost", id: undefined, reason: missing };
    else if (
      this.#fault === undefined &&
      witness !== undefined &&
      !this.#witnessed &&
      !this.#isTrimmed(witness)
    ) {
      const end = id === undefined ? "is empty" : `ends at ${formatLogId(id)}`;
      const reason = `it ${end}, but DATA_DIR remembers ${formatLogId(witness.id)} as durable: the log has lost data`;
      this.#fault = { fault: "lost", id: witness.id, reason };
    }
    return {
      entries: this.entries,
      batches: this.#batches,
      records: this.#records,
      first: this.#first,
      last: this.#last,
      fault: this.#fault,
      witnessed: this.#witnessed,
    };
  }

  #check(entry: StoredEntry): void {
    const link = this.#chain.accept(entry);
    const { generation, shard } = this.#source;
    if (link.kind === "claim") {
      const { claimant } = link.claim;
      if (claimant.generation !== generation || claimant.shard !== shard) {
        const whose = `shard ${claimant.shard}, generation ${claimant.generation}`;
        throw new Refusal(
          "foreign",
          `a claim of ${whose}, in the stream of shard ${shard}, generation ${generation}`,
        );
      }
    } else {
      this.#compareWitness(link.batch);
      this.#records += countRecords(entry);
      this.#batches += 1;
    }
    this.entries += 1;
    const { timeMs } = link.kind === "claim" ? link.claim : link.batch;
    this.#last = { id: entry.id, timeMs };
    this.#first ??= this.#last;
  }

  #compareWitness(batch: Batch): void {
    const { witness } = this.#options;
    if (witness === undefined || compareLogIds(batch.id, witness.id) !== 0) return;
    if (Buffer.compare(batch.hash, witness.hash) !== 0) {
      throw new Refusal("foreign", "another batch was durable under this id, as DATA_DIR remembers");
    }
    this.#witnessed = true;
  }

  #isTrimmed(witness: Witness): boolean {
    return (
      this.#first !== undefined && this.#options.trimmed && compareLogIds(witness.id, this.#first.id) < 0
    );
  }

  #explain(entry: StoredEntry, error: unknown): { fault: Fault; reason: string } {
    if (error instanceof Refusal) return { fault: error.fault, reason: error.message };
    if (!(error instanceof LogError)) throw error;
    const fault = findFault(entry, this.#last?.id);
    return { fault, reason: reasonOf(error) };
  }
}

/** Whether the log begins where it was begun: with a claim before the first batch of all. */
export async function isFromBeginning({ stream }: ShardStream): Promise<boolean> {
  let claimed = false;
  for (let after: LogId | undefined; ; ) {
    const entries = await stream.read(after, PAGE_BYTES);
    for (const entry of entries) {
      const frame = tryDecode(entry);
      if (typeof frame === "string") return claimed;
      if (frame.kind === "batch") return claimed && compareLogIds(frame.previousId, NO_BATCH.id) === 0;
      claimed = true;
    }
    after = entries.at(-1)?.id;
    if (after === undefined) return true;
  }
}

function countRecords(entry: StoredEntry): number {
  const frame = tryDecode(entry);
  try {
    return typeof frame === "string" ? 0 : recordsOf(frame).length;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal("unreadable", `its records cannot be read: ${reason}`);
  }
}

/** The chain's reason alone: it comes with the log's name before it, and with advice for a server behind it. */
function reasonOf({ message }: LogError): string {
  return /: bad entry \d+-\d+: (.*?)\. Nothing from here on was read/.exec(message)?.[1] ?? message;
}
