/**
 * Commands, outcomes and records as MessagePack. The gateway packs a command once; the shard reads it and copies the
 * same bytes into the log record. Commands that are frequent are flat arrays (plain-records.ts, flat-commands.ts), all
 * others are maps. Older logs have maps for those of flat-commands.ts as well.
 *
 * A command is `[op, partner, key, fingerprint, fields]`; a record is the same with the outcome as a sixth value; a
 * batch body is an array of records. An accepted outcome begins with 0, a rejected one is `[rejection, subject]`. A
 * cross-shard transfer's record has its own op, `TRANSFER_SENT_OP`, because its outcome has other fields. New fields
 * are only ever added at the end.
 */
import { acceptedOf, type Command, type LogRecord, type Outcome, type Recorded } from "./command.ts";
import { isFlat, readFlat, writeFlat } from "./flat-commands.ts";
import { readFlatOutcome, writeFlatOutcome } from "./flat-outcomes.ts";
import { readValue, writeValue } from "./pack.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";
import {
  PACKED,
  readCredit,
  readCredited,
  readPosted,
  readSent,
  readTransfer,
  writeCredit,
  writeCredited,
  writePosted,
  writeScanned,
  writeSent,
  writeTransfer,
} from "./plain-records.ts";
import { OPS, TRANSFER_SENT_OP } from "./record-kinds.ts";
import { REJECTIONS, rejectionOf } from "./rejection.ts";
import type { ScannedTransfers } from "./scanned-transfers.ts";

const reader = new PackReader();
const outcomeWriter = new PackWriter();

/** A record without its outcome. */
const COMMAND_VALUES = PACKED.record.indexOf("outcome");
/** Of any other outcome: 0 and a map. */
const EFFECTS_VALUES = 2;

const OP_NAMES = new Map<number, Command["op"]>(
  Object.entries(OPS).map(([name, number]) => [number, name as Command["op"]]),
);

/** Packs commands one after the other. */
export class CommandWriter {
  readonly #writer = new PackWriter();

  add(command: Command): void {
    const writer = this.#writer;
    const { op, partner, key, fingerprint } = command;
    this.#header(op, partner, key, fingerprint);
    if (command.op === "transfer") writeTransfer(writer, command);
    else if (command.op === "credit") writeCredit(writer, command);
    else if (isFlat(command)) writeFlat(writer, command);
    else {
      const { op: _op, partner: _partner, key: _key, fingerprint: _fingerprint, ...fields } = command;
      writeValue(writer, fields);
    }
  }

  /** Adds transfer `at` of those that a request was found to hold. */
  addScanned(scanned: ScannedTransfers, at: number, vnode: number): void {
    this.#header("transfer", scanned.partner, null, 0);
    writeScanned(this.#writer, scanned, at, vnode);
  }

  #header(op: Command["op"], partner: string, key: string | null, fingerprint: number): void {
    const writer = this.#writer;
    writer.array(COMMAND_VALUES);
    writer.number(OPS[op]);
    writer.text(partner);
    writer.textOrNil(key);
    writer.number(fingerprint);
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
    const values = reader.array();
    const command = readCommand(reader.number());
    reader.skip(values - COMMAND_VALUES);
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
    const values = reader.array();
    const op = reader.number();
    const command = readCommand(op);
    const outcome = readOutcome(op, command);
    reader.skip(values - PACKED.record.length);
    visit(command, outcome);
  }
}

/** Reads a single record, as the archive keeps it. @throws PackError, TypeError like `readCommands`. */
export function readRecord(packed: Uint8Array): LogRecord {
  reader.start(packed);
  reader.array();
  const op = reader.number();
  const command = readCommand(op);
  return { command, outcome: readOutcome(op, command) };
}

function readCommand(op: number): Command {
  const partner = reader.cachedText();
  const key = reader.freshTextOrNil();
  const fingerprint = reader.number();
  if (op === OPS.transfer || op === TRANSFER_SENT_OP) return readTransfer(reader, partner, key, fingerprint);
  if (op === OPS.credit) return readCredit(reader, partner, key, fingerprint);
  const name = OP_NAMES.get(op);
  if (name === undefined) throw new TypeError(`unknown command ${op}`);
  if (!reader.isMap()) return readFlat(reader, name, { partner, key, fingerprint });
  const fields = readValue(reader) as object;
  // The log is checked by its CRC and hash chain, not here.
  return { op: name, partner, key, fingerprint, ...fields } as Command;
}

/** @param op of the record, of which `command` was just read. */
function readOutcome(op: number, command: Command): Recorded {
  const values = reader.array();
  const rejection = reader.number();
  if (rejection !== 0) {
    const subject = reader.freshTextOrNil();
    reader.skip(values - PACKED.rejected.length);
    return { ok: false, code: rejectionOf(rejection), subject };
  }
  switch (op) {
    case OPS.transfer:
      return readPosted(reader, values);
    case TRANSFER_SENT_OP:
      return readSent(reader, values);
    case OPS.credit:
      return readCredited(reader, values);
    default: {
      if (isFlat(command) && !reader.isMap()) return readFlatOutcome(reader, command, values);
      const effects = readValue(reader) as object;
      reader.skip(values - EFFECTS_VALUES);
      return { ok: true, ...effects };
    }
  }
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
    writer.array(PACKED.record.length);
    writer.number(recordOp(command, outcome));
    writer.raw(source, start + 2, end); // without the command's array head and op, which were just written
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

function recordOp(command: Command, outcome: Recorded): number {
  return command.op === "transfer" && "to" in outcome ? TRANSFER_SENT_OP : OPS[command.op];
}

function writeOutcome(writer: PackWriter, command: Command, outcome: Recorded): void {
  if (!outcome.ok) {
    writer.array(PACKED.rejected.length);
    writer.number(REJECTIONS[outcome.code]);
    writer.textOrNil(outcome.subject);
    return;
  }
  switch (command.op) {
    case "transfer": {
      const accepted = acceptedOf(command, outcome);
      if ("to" in accepted) writeSent(writer, accepted);
      else writePosted(writer, accepted);
      return;
    }
    case "credit":
      writeCredited(writer, acceptedOf(command, outcome));
      return;
    default: {
      if (isFlat(command)) {
        writeFlatOutcome(writer, command, outcome);
        return;
      }
      const { ok: _, ...effects } = outcome;
      writer.array(EFFECTS_VALUES);
      writer.number(0);
      writeValue(writer, effects);
    }
  }
}

/** Packs an outcome as in a record of `command`. The memory is shared: see `PackWriter.takeShared`. */
export function packOutcome(command: Command, outcome: Outcome): Uint8Array<ArrayBuffer> {
  writeOutcome(outcomeWriter, command, outcome);
  return outcomeWriter.takeShared();
}

/** @throws PackError, TypeError like `readCommands`. */
export function unpackOutcome<C extends Command>(command: C, packed: Uint8Array): Outcome<C> {
  reader.start(packed);
  return readOutcome(OPS[command.op], command) as Outcome<C>;
}
