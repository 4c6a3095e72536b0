/**
 * Commands, outcomes and records as MessagePack. The gateway packs a command once; the shard reads it and copies the
 * same bytes into the log record. Transfers and credits, the hot path, are flat arrays written by hand; all other
 * commands are maps.
 *
 * A command is `[op, partner, key, fingerprint, fields]`; a record is the same with the outcome as a sixth value; a
 * batch body is an array of records. An accepted outcome begins with 0, a rejected one is `[rejection, subject]`. A
 * cross-shard transfer's record has its own op, `TRANSFER_SENT_OP`, because its outcome has other fields. New fields
 * are only ever added at the end.
 */
import type { JsonValue } from "./act.ts";
import type {
  Command,
  Credit,
  Credited,
  LogRecord,
  Outcome,
  Recorded,
  Transfer,
  TransferPosted,
  TransferSent,
} from "./command.ts";
import { chooseLayouts } from "./layouts.ts";
import { readValue, writeValue } from "./pack.ts";
import { readAct, writeAct } from "./pack-act.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";
import { OPS, TRANSFER_SENT_OP } from "./record-kinds.ts";
import { REJECTIONS, rejectionOf } from "./rejection.ts";

chooseLayouts();

const reader = new PackReader();
const outcomeWriter = new PackWriter();

const COMMAND_FIELDS = 5;
/** Plus one for a programme's act. Its outcomes likewise have one more field, for the act's effect. */
const TRANSFER_FIELDS = 7;
const CREDIT_FIELDS = 10;
const POSTED_FIELDS = 8;
const SENT_FIELDS = 7;
const CREDITED_FIELDS = 4;
const REJECTED_FIELDS = 2;
const EFFECTS_FIELDS = 2;

const OP_NAMES = new Map<number, Command["op"]>(
  Object.entries(OPS).map(([name, number]) => [number, name as Command["op"]]),
);

/** Packs commands one after the other. */
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
    else if (command.op === "credit") writeCredit(writer, command);
    else {
      const { op: _op, partner: _partner, key: _key, fingerprint: _fingerprint, ...fields } = command;
      writeValue(writer, fields);
    }
  }

  /** Size in bytes of the commands added since the last `take`. */
  get bytes(): number {
    return this.#writer.length;
  }

  /** Returns the packed commands and empties the writer. The memory is shared: see `PackWriter.takeShared`. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#writer.takeShared();
  }
}

const commandWriter = new CommandWriter();

/** Packs one command. The memory is shared: see `PackWriter.takeShared`. */
export function packCommand(command: Command): Uint8Array<ArrayBuffer> {
  commandWriter.add(command);
  return commandWriter.take();
}

function writeTransfer(writer: PackWriter, transfer: Transfer): void {
  const { act } = transfer;
  writer.array(act === undefined ? TRANSFER_FIELDS : TRANSFER_FIELDS + 1);
  writer.text(transfer.debit);
  writer.text(transfer.credit);
  writer.number(transfer.amount);
  writer.textOrNil(transfer.memo);
  writer.textOrNil(transfer.metadata);
  if (transfer.occurredAtMs === null) writer.nil();
  else writer.number(transfer.occurredAtMs);
  writer.number(transfer.vnode);
  if (act !== undefined) writeAct(writer, act);
}

function writeCredit(writer: PackWriter, credit: Credit): void {
  writer.array(CREDIT_FIELDS);
  writer.text(credit.debit);
  writer.text(credit.credit);
  writer.number(credit.amount);
  writer.textOrNil(credit.memo);
  writer.textOrNil(credit.metadata);
  if (credit.occurredAtMs === null) writer.nil();
  else writer.number(credit.occurredAtMs);
  writer.text(credit.id);
  writer.number(credit.createdAtMs);
  writer.number(credit.from);
  writer.number(credit.no);
}

/**
 * Calls `visit` with each command and the range of its bytes. `visit` must not call any reader of this module: they
 * all share one `PackReader`.
 *
 * @throws PackError if the bytes are not packed commands. @throws TypeError for a command of an unknown kind.
 */
export function readCommands(
  packed: Uint8Array,
  visit: (command: Command, start: number, end: number) => void,
): void {
  reader.start(packed);
  while (reader.at < packed.length) {
    const start = reader.at;
    const fields = reader.array();
    const command = readCommand(reader.number());
    reader.skip(fields - COMMAND_FIELDS);
    const end = reader.at;
    visit(command, start, end);
  }
}

/**
 * Calls `visit` with each record of a batch body, in order. `visit` must not call any reader of this module.
 *
 * @throws PackError, TypeError like `readCommands`.
 */
export function readRecords(body: Uint8Array, visit: (command: Command, outcome: Recorded) => void): void {
  reader.start(body);
  for (let count = reader.array(); count > 0; count--) {
    const fields = reader.array();
    const op = reader.number();
    const command = readCommand(op);
    const outcome = readOutcome(op);
    reader.skip(fields - COMMAND_FIELDS - 1);
    visit(command, outcome);
  }
}

/** Reads a single record, as the archive keeps it. @throws PackError, TypeError like `readCommands`. */
export function readRecord(packed: Uint8Array): LogRecord {
  reader.start(packed);
  reader.array();
  const op = reader.number();
  const command = readCommand(op);
  return { command, outcome: readOutcome(op) };
}

function readCommand(op: number): Command {
  const partner = reader.cachedText();
  const key = reader.freshTextOrNil();
  const fingerprint = reader.number();
  if (op === OPS.transfer || op === TRANSFER_SENT_OP) return readTransfer(partner, key, fingerprint);
  if (op === OPS.credit) return readCredit(partner, key, fingerprint);
  const name = OP_NAMES.get(op);
  if (name === undefined) throw new TypeError(`unknown command ${op}`);
  const fields = readValue(reader) as object;
  return { op: name, partner, key, fingerprint, ...fields } as Command;
}

function readTransfer(partner: string, key: string | null, fingerprint: number): Transfer {
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
  if (fields === TRANSFER_FIELDS) return transfer;
  const act = readAct(reader);
  reader.skip(fields - TRANSFER_FIELDS - 1);
  return { ...transfer, act };
}

function readCredit(partner: string, key: string | null, fingerprint: number): Credit {
  const fields = reader.array();
  const credit: Credit = {
    op: "credit",
    partner,
    key,
    fingerprint,
    debit: reader.cachedText(),
    credit: reader.cachedText(),
    amount: reader.number(),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.nil() ? null : reader.number(),
    id: reader.freshText(),
    createdAtMs: reader.number(),
    from: reader.number(),
    no: reader.number(),
  };
  reader.skip(fields - CREDIT_FIELDS);
  return credit;
}

function readOutcome(op: number): Recorded {
  const fields = reader.array();
  const rejection = reader.number();
  if (rejection !== 0) {
    const subject = reader.freshTextOrNil();
    reader.skip(fields - REJECTED_FIELDS);
    return { ok: false, code: rejectionOf(rejection), subject };
  }
  switch (op) {
    case OPS.transfer:
      return readPosted(fields);
    case TRANSFER_SENT_OP:
      return readSent(fields);
    case OPS.credit:
      return readCredited(fields);
    default: {
      const effects = readValue(reader) as object;
      reader.skip(fields - EFFECTS_FIELDS);
      return { ok: true, ...effects };
    }
  }
}

function readPosted(fields: number): TransferPosted {
  const posted: TransferPosted = {
    ok: true,
    id: reader.freshText(),
    debitPosted: reader.number(),
    debitHeld: reader.number(),
    debitSeq: reader.number(),
    creditPosted: reader.number(),
    creditHeld: reader.number(),
    creditSeq: reader.number(),
  };
  if (fields === POSTED_FIELDS) return posted;
  const effect = readValue(reader) as JsonValue;
  reader.skip(fields - POSTED_FIELDS - 1);
  return { ...posted, effect };
}

function readSent(fields: number): TransferSent {
  const sent: TransferSent = {
    ok: true,
    id: reader.freshText(),
    debitPosted: reader.number(),
    debitHeld: reader.number(),
    debitSeq: reader.number(),
    to: reader.number(),
    no: reader.number(),
  };
  if (fields === SENT_FIELDS) return sent;
  const effect = readValue(reader) as JsonValue;
  reader.skip(fields - SENT_FIELDS - 1);
  return { ...sent, effect };
}

function readCredited(fields: number): Credited {
  const credited: Credited = {
    ok: true,
    posted: reader.number(),
    held: reader.number(),
    seq: reader.number(),
  };
  reader.skip(fields - CREDITED_FIELDS);
  return credited;
}

/** Builds the body of a batch: an array of records. */
export class BodyWriter {
  readonly #writer = new PackWriter();
  #count = 0;

  constructor() {
    this.#writer.openArray();
  }

  /** Number of records so far, which is the index of the next one. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#writer.length;
  }

  /** @param source holds the packed command in bytes `start` to `end` (exclusive). */
  add(source: Uint8Array, start: number, end: number, command: Command, outcome: Recorded): void {
    this.#count += 1;
    const writer = this.#writer;
    const op = recordOp(command, outcome);
    writer.array(COMMAND_FIELDS + 1);
    writer.number(op);
    writer.raw(source, start + 2, end); // without the command's array head and op, which were just written
    writeOutcome(writer, op, outcome);
  }

  take(): Uint8Array<ArrayBuffer> {
    this.#writer.setArray(0, this.#count);
    this.#count = 0;
    const body = this.#writer.take();
    this.#writer.openArray();
    return body;
  }
}

function recordOp(command: Command, outcome: Recorded): number {
  return "to" in outcome ? TRANSFER_SENT_OP : OPS[command.op];
}

function writePosted(writer: PackWriter, posted: TransferPosted): void {
  const { effect } = posted;
  writer.array(effect === undefined ? POSTED_FIELDS : POSTED_FIELDS + 1);
  writer.number(0);
  writer.text(posted.id);
  writer.number(posted.debitPosted);
  writer.number(posted.debitHeld);
  writer.number(posted.debitSeq);
  writer.number(posted.creditPosted);
  writer.number(posted.creditHeld);
  writer.number(posted.creditSeq);
  if (effect !== undefined) writeValue(writer, effect);
}

function writeSent(writer: PackWriter, sent: TransferSent): void {
  const { effect } = sent;
  writer.array(effect === undefined ? SENT_FIELDS : SENT_FIELDS + 1);
  writer.number(0);
  writer.text(sent.id);
  writer.number(sent.debitPosted);
  writer.number(sent.debitHeld);
  writer.number(sent.debitSeq);
  writer.number(sent.to);
  writer.number(sent.no);
  if (effect !== undefined) writeValue(writer, effect);
}

function writeCredited(writer: PackWriter, credited: Credited): void {
  writer.array(CREDITED_FIELDS);
  writer.number(0);
  writer.number(credited.posted);
  writer.number(credited.held);
  writer.number(credited.seq);
}

function writeOutcome(writer: PackWriter, op: number, outcome: Recorded): void {
  if (!outcome.ok) {
    writer.array(REJECTED_FIELDS);
    writer.number(REJECTIONS[outcome.code]);
    writer.textOrNil(outcome.subject);
    return;
  }
  switch (op) {
    case OPS.transfer:
      writePosted(writer, outcome as TransferPosted);
      return;
    case TRANSFER_SENT_OP:
      writeSent(writer, outcome as TransferSent);
      return;
    case OPS.credit:
      writeCredited(writer, outcome as Credited);
      return;
    default: {
      const { ok: _, ...effects } = outcome;
      writer.array(EFFECTS_FIELDS);
      writer.number(0);
      writeValue(writer, effects);
    }
  }
}

/** Packs an outcome as in a record of `command`. The memory is shared: see `PackWriter.takeShared`. */
export function packOutcome(command: Command, outcome: Outcome): Uint8Array<ArrayBuffer> {
  writeOutcome(outcomeWriter, OPS[command.op], outcome);
  return outcomeWriter.takeShared();
}

/** @throws PackError, TypeError like `readCommands`. */
export function unpackOutcome<C extends Command>(command: C, packed: Uint8Array): Outcome<C> {
  reader.start(packed);
  return readOutcome(OPS[command.op]) as Outcome<C>;
}
