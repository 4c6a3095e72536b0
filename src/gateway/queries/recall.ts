/** Rebuilds answers to earlier commands from their records in the archive: for repeated idempotency keys. */
import { haveSameKey, isKeyOf } from "../../actors/ledger/command-home.ts";
import { vnodeOf } from "../../actors/ledger/routing.ts";
import {
  acceptedOf,
  type Command,
  type LogRecord,
  type Outcome,
  type Transfer,
  type TransferSent,
} from "../../actors/records/command.ts";
import type { CommandHeader } from "../../actors/records/command-header.ts";
import type { Move, TransferChanged } from "../../actors/records/compound-command.ts";
import type { ArchivedRecord, FoundRecord, RecordPosition } from "../../archive/queries/query.ts";
import { assert } from "../../errors/assert.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { nonEmptyPositions, positionText, type Shards } from "../shard-link/shards.ts";

export type Recalled<C extends Command> = Readonly<{
  outcome: Outcome<C>;
  timeMs: number;
  position: string;
}>;

/**
 * The answer to the command whose record is at `at`, including its parts on other shards, all of which are durable.
 *
 * @returns `undefined` if the record belongs to another command whose key has the same hash.
 */
export async function recall<C extends Command>(
  shards: Shards,
  command: C,
  at: RecordPosition,
): Promise<Recalled<C> | undefined> {
  const [first] = await firstRecords(shards, [at]);
  assert(first !== undefined, "the archive answers index for index");
  if ("damaged" in first) throw new OperatingError("archive_damaged", first.damaged);
  if (!haveSameKey(first.record.command, command)) return undefined;
  const answer = { timeMs: first.timeMs, position: positionText(at.shard, at) };
  // The recorded command has the same op, and so the same type of outcome.
  return (await wholeOutcome(shards, first.record, at.shard, answer)) as Recalled<C>;
}

/** The owner of an idempotency key. `vnode` names the shard if the owner key does not determine it. */
export type KeyScope = Readonly<{ owner: string; vnode?: number | undefined }>;

/** The command that first used the key. "reused" if it was another request, `undefined` if the key is unknown. */
export async function firstCommand(
  shards: Shards,
  header: CommandHeader,
  scope: KeyScope,
): Promise<Command | "reused" | undefined> {
  const { partner, key, fingerprint } = header;
  if (key === null) return undefined;
  const found = await findKey(shards, partner, key, scope);
  if (found === undefined) return undefined;
  if (found.fingerprint !== fingerprint) return "reused";
  return (await recordOfKey(shards, partner, key, scope, found.at))?.record.command ?? "reused";
}

/** The first record of an owner's idempotency key, for display; `undefined` if the key is unknown. */
export async function keyRecord(
  shards: Shards,
  partner: string,
  key: string,
  scope: KeyScope,
): Promise<ArchivedRecord | undefined> {
  const found = await findKey(shards, partner, key, scope);
  return found === undefined ? undefined : recordOfKey(shards, partner, key, scope, found.at);
}

async function findKey(
  shards: Shards,
  partner: string,
  key: string,
  { owner, vnode = vnodeOf(partner, owner) }: KeyScope,
): Promise<Readonly<{ at: RecordPosition; fingerprint: number }> | undefined> {
  const shard = shards.ofVnode(vnode);
  const { result } = await shards.ask(shard, partner, ["first", owner, key]);
  if (result === null) return undefined;
  const [epoch, seq, index, fingerprint] = result;
  return { at: { shard, epoch, seq, index }, fingerprint };
}

/** The record at a key's position; `undefined` if it belongs to another key with the same hash. */
async function recordOfKey(
  shards: Shards,
  partner: string,
  key: string,
  { owner }: KeyScope,
  at: RecordPosition,
): Promise<ArchivedRecord | undefined> {
  const [first] = await firstRecords(shards, [at]);
  assert(first !== undefined, "the archive answers index for index");
  if ("damaged" in first) throw new OperatingError("archive_damaged", first.damaged);
  const { command } = first.record;
  const isSame = command.partner === partner && command.key === key && isKeyOf(command, owner);
  return isSame ? first : undefined;
}

/**
 * @throws OperatingError `outcome_unknown`: the command was executed, so no other answer is correct while its
 *   record cannot be read.
 */
export async function firstRecords(
  { archive }: Shards,
  at: readonly RecordPosition[],
): Promise<readonly FoundRecord[]> {
  try {
    return await archive.records(at);
  } catch (error) {
    throw unreadable(error);
  }
}

type Answer = Readonly<{ timeMs: number; position: string }>;

/** The outcome in a record of shard `from`, completed by its parts on other shards. */
async function wholeOutcome(
  shards: Shards,
  { command, outcome }: LogRecord,
  from: number,
  answer: Answer,
): Promise<Recalled<Command>> {
  if (!outcome.ok) return { outcome, ...answer };
  switch (command.op) {
    case "transfer": {
      const accepted = acceptedOf(command, outcome);
      if (!("to" in accepted)) return { outcome: accepted, ...answer };
      return withCredit(shards, command.partner, from, accepted, answer);
    }
    case "compound_transfer":
    case "post_transfer":
    case "void_transfer":
    case "revert_transfer":
      return withPortions(shards, command.partner, from, acceptedOf(command, outcome), answer);
    default:
      return { outcome: acceptedOf(command, outcome), ...answer };
  }
}

async function withCredit(
  shards: Shards,
  partner: string,
  from: number,
  sent: TransferSent,
  answer: Answer,
): Promise<Recalled<Transfer>> {
  const { id, debitPosted, debitHeld, debitSeq, to, no, effect } = sent;
  const { at, record } = await partOf(shards, partner, { id, from, to, no });
  assert(record.command.op === "credit", "a message to a transfer's credit account is a credit");
  const { posted, held, seq } = acceptedOf(record.command, record.outcome);
  const debit = { ok: true, id, debitPosted, debitHeld, debitSeq } as const;
  return {
    timeMs: answer.timeMs,
    outcome: {
      ...debit,
      creditPosted: posted,
      creditHeld: held,
      creditSeq: seq,
      ...(effect !== undefined && { effect }),
    },
    position: `${answer.position},${positionText(at.shard, at)}`,
  };
}

async function withPortions(
  shards: Shards,
  partner: string,
  from: number,
  changed: TransferChanged,
  answer: Answer,
): Promise<Readonly<{ outcome: TransferChanged }> & Answer> {
  const { id, moves, elsewhere, sent } = changed;
  const parts = await Promise.all(sent.map(({ to, no }) => partOf(shards, partner, { id, from, to, no })));
  const remoteMoves = parts.flatMap(({ record: { command, outcome } }): readonly Move[] => {
    assert(command.op === "portion", "a message of a compound transfer is a portion");
    return acceptedOf(command, outcome).moves;
  });
  const positions = [answer.position, ...parts.map(({ at }) => positionText(at.shard, at))];
  return {
    timeMs: answer.timeMs,
    outcome: { ...changed, moves: [...moves, ...elsewhere, ...remoteMoves] },
    position: positions.join(","),
  };
}

/** The record of a cross-shard message at its shard. It is durable: the shard's newest position includes it. */
async function partOf(
  shards: Shards,
  partner: string,
  { id, from, to, no }: Readonly<{ id: string; from: number; to: number; no: number }>,
): Promise<ArchivedRecord> {
  try {
    const { position } = await shards.ask(to, partner, ["position"]);
    const part = await shards.archive.part({ id, from, to, no }, nonEmptyPositions([position]));
    assert(part !== undefined, "all parts of an answered transfer are in the log");
    return part;
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): OperatingError {
  if (cause instanceof OperatingError && cause.code === "archive_damaged") return cause;
  return new OperatingError("outcome_unknown", "the first answer to this key cannot be read yet", { cause });
}
