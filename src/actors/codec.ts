/**
 * Commands, outcomes and records as MessagePack. The gateway packs a command once; the shard reads it, and copies
 * the same bytes into the log behind the outcome's. A transfer, the hot one, is written by hand as flat arrays;
 * all others are maps, since nobody counts their bytes.
 *
 * A command is `[op, partner, key, fingerprint, asked]`; a record is the same with the outcome as a sixth value; a
 * batch body is an array of records. An outcome begins with 0 when accepted, else it is `[rejection, subject]`.
 * Fields are only ever added at the end.
 */
import { Packr } from "msgpackr";
import type { Command, LogRecord, Outcome, Transfer, TransferPosted } from "./command.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";
import { REJECTIONS, rejectionOf } from "./rejection.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const reader = new PackReader();
const outcomeWriter = new PackWriter();

const COMMAND_FIELDS = 5;
const TRANSFER_FIELDS = 7;
const POSTED_FIELDS = 8;
const REJECTED_FIELDS = 2;
const EFFECTS_FIELDS = 2;

/** Numbers in the log: never given to another command. */
export const OPS = {
  transfer: 1,
  create_account: 10,
  update_account: 11,
  set_account_status: 12,
  create_partner: 20,
  update_partner: 21,
  create_key: 22,
  revoke_key: 23,
  set_operator_key: 24,
} as const satisfies Record<Command["op"], number>;

const OP_NAMES = new Map<number, Command["op"]>(
  Object.entries(OPS).map(([name, number]) => [number, name as Command["op"]]),
);

/** Packed commands, one behind the other. */
export class CommandWriter {
  readonly #writer = new PackWriter();

  add(command: Command): void {
    const writer = this.#writer;
    writer.array(COMMAND_FIELDS);
    writer.number(OPS[command.op]);
    writer.text(command.partner);
    writer.textOrNil(command.key);
    writer.number(command.fingerprint);
    if (command.op === "transfer") writeTransfer(writer, command);
    else {
      const { op: _op, partner: _partner, key: _key, fingerprint: _fingerprint, ...asked } = command;
      writePacked(writer, asked);
    }
  }

  /** All that was added; the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#writer.take();
  }
}

function writeTransfer(writer: PackWriter, transfer: Transfer): void {
  writer.array(TRANSFER_FIELDS);
  writer.text(transfer.debit);
  writer.text(transfer.credit);
  writer.number(transfer.amount);
  writer.textOrNil(transfer.memo);
  writer.textOrNil(transfer.metadata);
  if (transfer.occurredAtMs === null) writer.nil();
  else writer.number(transfer.occurredAtMs);
  writer.number(transfer.vnode);
}

/**
 * Calls `visit` with each command and where its bytes are; it must not read packed bytes itself.
 *
 * @throws PackError the bytes are no commands. @throws TypeError a command that this version does not know.
 */
export function readCommands(
  packed: Uint8Array,
  visit: (command: Command, start: number, end: number) => void,
): void {
  reader.start(packed);
  while (reader.at < packed.length) {
    const start = reader.at;
    const fields = reader.array();
    const command = readCommand(packed, fields - COMMAND_FIELDS);
    const end = reader.at;
    visit(command, start, end);
  }
}

/**
 * Calls `visit` with each record of a batch body, in order; it must not read packed bytes itself.
 *
 * @throws PackError, TypeError as `readCommands`.
 */
export function readRecords(body: Uint8Array, visit: (command: Command, outcome: Outcome) => void): void {
  reader.start(body);
  for (let left = reader.array(); left > 0; left--) {
    const fields = reader.array();
    const command = readCommand(body, 0);
    const outcome = readOutcome(body, command);
    reader.skip(fields - COMMAND_FIELDS - 1);
    visit(command, outcome);
  }
}

/** One record that stands alone, as the archive keeps it. @throws PackError, TypeError as `readCommands`. */
export function readRecord(packed: Uint8Array): LogRecord {
  reader.start(packed);
  reader.array();
  const command = readCommand(packed, 0);
  return { command, outcome: readOutcome(packed, command) };
}

/** @param more fields of a newer version, which are passed over. */
function readCommand(packed: Uint8Array, more: number): Command {
  const op = reader.number();
  const partner = reader.cachedText();
  const key = reader.freshTextOrNil();
  const fingerprint = reader.number();
  if (op !== OPS.transfer) {
    const name = OP_NAMES.get(op);
    if (name === undefined) throw new TypeError(`unknown command ${op}`);
    const asked = readPacked(packed) as object;
    reader.skip(more);
    return { op: name, partner, key, fingerprint, ...asked } as Command;
  }
  const fields = reader.array();
  const transfer: Transfer = {
    op: "transfer",
    partner,
    key,
    fingerprint,
    debit: reader.cachedText(),
    credit: reader.cachedText(),
    amount: reader.number(),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.nil() ? null : reader.number(),
    vnode: reader.number(),
  };
  reader.skip(fields - TRANSFER_FIELDS + more);
  return transfer;
}

function readOutcome(packed: Uint8Array, command: Command): Outcome {
  const fields = reader.array();
  const rejection = reader.number();
  if (rejection !== 0) {
    const subject = reader.freshTextOrNil();
    reader.skip(fields - REJECTED_FIELDS);
    return { ok: false, code: rejectionOf(rejection), subject };
  }
  if (command.op !== "transfer") {
    const effects = readPacked(packed) as object;
    reader.skip(fields - EFFECTS_FIELDS);
    return { ok: true, ...effects };
  }
  reader.text();
  const posted: TransferPosted = {
    ok: true,
    id: reader.textNow(),
    debitPosted: reader.number(),
    debitHeld: reader.number(),
    debitSeq: reader.number(),
    creditPosted: reader.number(),
    creditHeld: reader.number(),
    creditSeq: reader.number(),
  };
  reader.skip(fields - POSTED_FIELDS);
  return posted;
}

/** Any one value, by the general unpacker. */
function readPacked(packed: Uint8Array): unknown {
  const start = reader.at;
  reader.skip(1);
  return packr.unpack(packed.subarray(start, reader.at));
}

/** The body of a batch while it fills. */
export class BodyWriter {
  readonly #writer = new PackWriter();
  #count = 0;

  constructor() {
    this.#writer.openArray();
  }

  /** Records so far: the index of the next one. */
  get count(): number {
    return this.#count;
  }

  /** @param source holds the packed command from `start` to `end`. */
  add(source: Uint8Array, start: number, end: number, command: Command, outcome: Outcome): void {
    this.#count += 1;
    const writer = this.#writer;
    writer.array(COMMAND_FIELDS + 1);
    writer.raw(source, start + 1, end); // all but the head of the command's own array
    writeOutcome(writer, command, outcome);
  }

  take(): Uint8Array<ArrayBuffer> {
    this.#writer.setArray(0, this.#count);
    this.#count = 0;
    const body = this.#writer.take();
    this.#writer.openArray();
    return body;
  }
}

function writePosted(writer: PackWriter, posted: TransferPosted): void {
  writer.array(POSTED_FIELDS);
  writer.number(0);
  writer.text(posted.id);
  writer.number(posted.debitPosted);
  writer.number(posted.debitHeld);
  writer.number(posted.debitSeq);
  writer.number(posted.creditPosted);
  writer.number(posted.creditHeld);
  writer.number(posted.creditSeq);
}

function writePacked(writer: PackWriter, value: unknown): void {
  const packed = packr.pack(value);
  writer.raw(packed, 0, packed.length);
}

function writeOutcome(writer: PackWriter, command: Command, outcome: Outcome): void {
  if (!outcome.ok) {
    writer.array(REJECTED_FIELDS);
    writer.number(REJECTIONS[outcome.code]);
    writer.textOrNil(outcome.subject);
  } else if (command.op === "transfer") writePosted(writer, outcome as TransferPosted);
  else {
    const { ok: _, ...effects } = outcome;
    writer.array(EFFECTS_FIELDS);
    writer.number(0);
    writePacked(writer, effects);
  }
}

/** One outcome alone, as the records have it. */
export function packOutcome(command: Command, outcome: Outcome): Uint8Array<ArrayBuffer> {
  writeOutcome(outcomeWriter, command, outcome);
  return outcomeWriter.take();
}

/** @throws PackError, TypeError as `readCommands`. */
export function unpackOutcome<C extends Command>(command: C, packed: Uint8Array): Outcome<C> {
  reader.start(packed);
  return readOutcome(packed, command) as Outcome<C>;
}

/**
 * Packs any value of plain data into bytes of its own, so that the buffer may be handed to another thread.
 * (The packer reuses one large buffer; a view of it would carry all of it along.)
 */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(value);
  const bytes = new Uint8Array(packed.length);
  bytes.set(packed);
  return bytes;
}

export function decode(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
