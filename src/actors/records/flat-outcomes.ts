/** The packed form of the outcomes of the commands in flat-commands.ts. */
import { actOfTransfer, type JsonValue } from "./act.ts";
import { type AccountView, type ActDone, acceptedOf, type MessageNumber, type Recorded } from "./command.ts";
import type {
  CompoundTransfer,
  Moved,
  PostTransfer,
  Reserved,
  TransferChanged,
  TransferView,
  VoidTransfer,
} from "./compound-command.ts";
import type { Crossed } from "./crossing.ts";
import type { FlatCommand } from "./flat-commands.ts";
import {
  readHold,
  readList,
  readMove,
  readNumber,
  readPosting,
  readRise,
  readSentPortion,
  readView,
  STATUSES,
  statusOf,
  writeHold,
  writeList,
  writeMove,
  writeNumber,
  writePosting,
  writeRise,
  writeSentPortion,
  writeView,
} from "./flat-parts.ts";
import { readValue, writeValue } from "./pack.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";
import {
  type Extras,
  extraValues,
  readCrossings,
  readExtras,
  writeCrossings,
  writeExtras,
} from "./plain-records.ts";
import { detailsOf } from "./transfer-details.ts";

/** The values of each packed array, in order, like `PACKED`. `transfer` is a `view`; for a compound transfer, `created`. */
export const PACKED_OUTCOMES = {
  changed: [
    "rejection",
    "transfer",
    "moves",
    "sent",
    "part",
    "holds",
    "reservedAt",
    "elsewhere",
    "effect",
    "crossed",
  ],
  created: ["id", "status", "postings", "postedAmount", "createdAtMs", "expiresAtMs"],
  reserved: ["rejection", "moves", "holds", "rises", "crossed"],
  moved: ["rejection", "moves", "crossed"],
  done: ["rejection", "told", "effect", "account", "notice"],
} as const satisfies Readonly<{
  changed: readonly ("rejection" | keyof TransferChanged)[];
  created: readonly (keyof TransferView)[];
  reserved: readonly ("rejection" | keyof Reserved)[];
  moved: readonly ("rejection" | keyof Moved)[];
  done: readonly ("rejection" | keyof ActDone)[];
}>;

/** Without effect and crossings. */
const CHANGED_VALUES = PACKED_OUTCOMES.changed.indexOf("effect");
const RESERVED_VALUES = PACKED_OUTCOMES.reserved.indexOf("crossed");
const MOVED_VALUES = PACKED_OUTCOMES.moved.indexOf("crossed");
/** Without an account and a notice. */
const DONE_VALUES = PACKED_OUTCOMES.done.indexOf("account");

/** Writes the outcome of an accepted command, with its head. */
export function writeFlatOutcome(writer: PackWriter, command: FlatCommand, outcome: Recorded): void {
  switch (command.op) {
    case "compound_transfer":
    case "post_transfer":
    case "void_transfer":
      return writeChanged(writer, command, acceptedOf(command, outcome));
    case "reserve": {
      const { moves, holds, rises, crossed } = acceptedOf(command, outcome);
      writer.array(crossed === undefined ? RESERVED_VALUES : RESERVED_VALUES + 1);
      writer.number(0);
      writeList(writer, moves, writeMove);
      writeList(writer, holds, writeHold);
      writeList(writer, rises, writeRise);
      return writeCrossings(writer, crossed);
    }
    case "release":
    case "portion": {
      const { moves, crossed } = acceptedOf(command, outcome);
      writer.array(crossed === undefined ? MOVED_VALUES : MOVED_VALUES + 1);
      writer.number(0);
      writeList(writer, moves, writeMove);
      return writeCrossings(writer, crossed);
    }
    case "act":
      return writeDone(writer, acceptedOf(command, outcome));
  }
}

/** Reads the outcome of an accepted command, from after `rejection` on. @param values number of values in the array */
export function readFlatOutcome(reader: PackReader, command: FlatCommand, values: number): Recorded {
  switch (command.op) {
    case "compound_transfer":
    case "post_transfer":
    case "void_transfer":
      return readChanged(reader, command, values);
    case "reserve":
      return {
        ok: true,
        moves: readList(reader, readMove),
        holds: readList(reader, readHold),
        rises: readList(reader, readRise),
        ...crossingsAt(reader, values - RESERVED_VALUES),
      };
    case "release":
    case "portion":
      return { ok: true, moves: readList(reader, readMove), ...crossingsAt(reader, values - MOVED_VALUES) };
    case "act":
      return readDone(reader, values);
  }
}

type ChangeCommand = CompoundTransfer | PostTransfer | VoidTransfer;

function writeChanged(writer: PackWriter, command: ChangeCommand, changed: TransferChanged): void {
  writer.array(CHANGED_VALUES + extraValues(changed));
  writer.number(0);
  if (command.op === "compound_transfer") writeCreated(writer, command, changed.transfer);
  else writeView(writer, changed.transfer);
  writeList(writer, changed.moves, writeMove);
  writeList(writer, changed.sent, writeSentPortion);
  writer.number(changed.part);
  writeList(writer, changed.holds, writeHold);
  writeList(writer, changed.reservedAt, writeNumber);
  writeList(writer, changed.elsewhere, writeMove);
  writeExtras(writer, changed);
}

function readChanged(reader: PackReader, command: ChangeCommand, values: number): TransferChanged {
  const created = command.op === "compound_transfer" ? readCreated(reader, command) : undefined;
  const view = created ?? readView(reader);
  const moves = readList(reader, readMove);
  const sent = readList(reader, readSentPortion);
  const part = reader.number();
  const holds = readList(reader, readHold);
  const reservedAt = readList(reader, readNumber);
  const elsewhere = readList(reader, readMove);
  const extras: Extras = values === CHANGED_VALUES ? {} : readExtras(reader, values - CHANGED_VALUES);
  const { effect } = extras;
  const transfer = created !== undefined && effect !== undefined ? { ...view, effect } : view;
  return { ok: true, id: view.id, transfer, moves, sent, part, holds, reservedAt, elsewhere, ...extras };
}

/** What the command and its outcome do not say. Only an available balance moves other amounts than the command's. */
function writeCreated(writer: PackWriter, { available }: CompoundTransfer, view: TransferView): void {
  writer.array(PACKED_OUTCOMES.created.length);
  writer.text(view.id);
  writer.number(STATUSES.indexOf(view.status));
  if (available) writeList(writer, view.postings, writePosting);
  else writer.nil();
  writer.number(view.postedAmount);
  writer.number(view.createdAtMs);
  writer.numberOrNil(view.expiresAtMs);
}

function readCreated(reader: PackReader, command: CompoundTransfer): TransferView {
  const values = reader.array();
  const { act } = command;
  const view: TransferView = {
    id: reader.freshText(),
    status: statusOf(reader.number()),
    postings: reader.nil() ? command.postings : readList(reader, readPosting),
    postedAmount: reader.number(),
    ...detailsOf(command),
    createdAtMs: reader.number(),
    expiresAtMs: reader.numberOrNil(),
    reverts: null,
    ...(act !== undefined && { act: actOfTransfer(act) }),
  };
  reader.skip(values - PACKED_OUTCOMES.created.length);
  return view;
}

function writeDone(writer: PackWriter, { effect, account, notice, told }: ActDone): void {
  const isPlain = account === undefined && notice === undefined;
  writer.array(isPlain ? DONE_VALUES : PACKED_OUTCOMES.done.length);
  writer.number(0);
  if (told === undefined) writer.nil();
  else writeValue(writer, told);
  writeValue(writer, effect);
  if (isPlain) return;
  writeValue(writer, account ?? null);
  writeValue(writer, notice ?? null);
}

function readDone(reader: PackReader, values: number): ActDone {
  // All written by `writeDone`.
  const told = readValue(reader) as readonly MessageNumber[] | null;
  const effect = readValue(reader) as JsonValue;
  const telling = told === null ? {} : { told };
  if (values === DONE_VALUES) return { ok: true, effect, ...telling };
  const account = readValue(reader) as AccountView | null;
  const notice = readValue(reader) as JsonValue;
  reader.skip(values - PACKED_OUTCOMES.done.length);
  return {
    ok: true,
    effect,
    ...(account !== null && { account }),
    ...(notice !== null && { notice }),
    ...telling,
  };
}

/** @param values number of values from `crossed` on. */
function crossingsAt(reader: PackReader, values: number): Crossed {
  return values === 0 ? {} : readCrossings(reader, values);
}
