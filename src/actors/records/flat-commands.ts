/**
 * The packed form of compound transfers, of their parts on other shards, and of acts without a transfer: flat arrays
 * written by hand, like those of plain-records.ts. Their outcomes are in flat-outcomes.ts. Reverts and expiries are rarer
 * and are maps.
 */
import type { Act } from "./act.ts";
import type { ActAlone, Command } from "./command.ts";
import type { CommandHeader } from "./command-header.ts";
import type {
  CompoundTransfer,
  ExpiredTransfer,
  Portion,
  PostTransfer,
  Release,
  Reserve,
  Settled,
  TransferView,
  VoidTransfer,
} from "./compound-command.ts";
import {
  PURPOSES,
  purposeOf,
  readAssetLeg,
  readLeg,
  readList,
  readPosting,
  readView,
  writeLeg,
  writeList,
  writePosting,
  writeView,
} from "./flat-parts.ts";
import { readValue, writeValue } from "./pack.ts";
import { readAct, writeAct, writeActOrNil } from "./pack-act.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";
import { DETAIL_FIELDS, writeDetails } from "./transfer-details.ts";

/** The values of each packed array, in order, like `PACKED`. */
export const PACKED_COMMANDS = {
  compound_transfer: ["postings", ...DETAIL_FIELDS, "available", "pending", "timeoutMs", "vnode", "act"],
  post_transfer: ["id", "owner", "amount", "final", "settled", "credit", "act"],
  void_transfer: ["id", "owner", "settled", "act"],
  reserve: ["id", "from", "purpose", "legs"],
  release: ["id"],
  portion: ["from", "no", "transfer", "part", "purpose", "legs", "sentAtMs"],
  act: ["act"],
} as const satisfies Readonly<{
  compound_transfer: readonly (keyof CompoundTransfer)[];
  post_transfer: readonly (keyof PostTransfer)[];
  void_transfer: readonly (keyof VoidTransfer)[];
  reserve: readonly (keyof Reserve)[];
  release: readonly (keyof Release)[];
  portion: readonly (keyof Portion)[];
  act: readonly (keyof ActAlone)[];
}>;

export type FlatCommand = Extract<Command, Readonly<{ op: keyof typeof PACKED_COMMANDS }>>;

const FLAT_OPS: ReadonlySet<string> = new Set(Object.keys(PACKED_COMMANDS));

export function isFlat(command: Command): command is FlatCommand {
  return FLAT_OPS.has(command.op);
}

/** Writes the fields of a command, without its header. */
export function writeFlat(writer: PackWriter, command: FlatCommand): void {
  writer.array(PACKED_COMMANDS[command.op].length);
  switch (command.op) {
    case "compound_transfer":
      writeList(writer, command.postings, writePosting);
      writeDetails(writer, command);
      writer.number(Number(command.available));
      writer.number(Number(command.pending));
      writer.numberOrNil(command.timeoutMs);
      writer.number(command.vnode);
      return writeActOrNil(writer, command.act);
    case "post_transfer":
      writer.text(command.id);
      writer.textOrNil(command.owner ?? null);
      writer.numberOrNil(command.amount);
      writer.number(Number(command.final));
      writer.textOrNil(command.settled);
      writer.textOrNil(command.credit ?? null);
      return writeActOrNil(writer, command.act);
    case "void_transfer":
      writer.text(command.id);
      writer.textOrNil(command.owner ?? null);
      writer.textOrNil(command.settled);
      return writeActOrNil(writer, command.act);
    case "reserve":
      writer.text(command.id);
      writer.number(command.from);
      writer.number(PURPOSES.indexOf(command.purpose));
      return writeList(writer, command.legs, writeLeg);
    case "release":
      return writer.text(command.id);
    case "portion":
      writer.number(command.from);
      writer.number(command.no);
      writePortionView(writer, command.transfer);
      writer.number(command.part);
      writer.number(PURPOSES.indexOf(command.purpose));
      writeList(writer, command.legs, writeLeg);
      return writer.number(command.sentAtMs);
    case "act":
      return writeAct(writer, command.act);
  }
}

/** Reads the fields of a command of kind `op`. */
export function readFlat(reader: PackReader, op: Command["op"], header: CommandHeader): FlatCommand {
  const values = reader.array();
  const command = flatAt(reader, op, header);
  reader.skip(values - PACKED_COMMANDS[command.op].length);
  return command;
}

function flatAt(reader: PackReader, op: Command["op"], header: CommandHeader): FlatCommand {
  const { partner, key, fingerprint } = header;
  switch (op) {
    case "compound_transfer":
      return readCompound(reader, header);
    case "post_transfer":
      return readPost(reader, header);
    case "void_transfer": {
      const id = reader.freshText();
      const owner = ownerAt(reader);
      return withAct(reader, { op, partner, key, fingerprint, id, ...owner, settled: settledAt(reader) });
    }
    case "reserve": {
      const id = reader.freshText();
      const from = reader.number();
      const purpose = purposeOf(reader.number()) as Reserve["purpose"]; // written by `writeFlat`
      return { op, partner, key, fingerprint, id, from, purpose, legs: readList(reader, readLeg) };
    }
    case "release":
      return { op, partner, key, fingerprint, id: reader.freshText() };
    case "portion":
      return readPortion(reader, header);
    case "act":
      return { op, partner, key, fingerprint, act: readAct(reader) };
    default:
      throw new TypeError(`a command ${op} is no array`);
  }
}

function readCompound(reader: PackReader, { partner, key, fingerprint }: CommandHeader): CompoundTransfer {
  return withAct(reader, {
    op: "compound_transfer",
    partner,
    key,
    fingerprint,
    postings: readList(reader, readPosting),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.numberOrNil(),
    available: reader.number() === 1,
    pending: reader.number() === 1,
    timeoutMs: reader.numberOrNil(),
    vnode: reader.number(),
  });
}

function readPost(reader: PackReader, { partner, key, fingerprint }: CommandHeader): PostTransfer {
  const id = reader.freshText();
  const owner = ownerAt(reader);
  const amount = reader.numberOrNil();
  const final = reader.number() === 1;
  const settled = settledAt(reader);
  const credit = reader.nil() ? {} : { credit: reader.cachedText() };
  const post = { partner, key, fingerprint, id, ...owner, amount, final, settled, ...credit };
  return withAct(reader, { op: "post_transfer", ...post });
}

function readPortion(reader: PackReader, { partner, key, fingerprint }: CommandHeader): Portion {
  return {
    op: "portion",
    partner,
    key,
    fingerprint,
    from: reader.number(),
    no: reader.number(),
    transfer: readPortionView(reader),
    part: reader.number(),
    purpose: purposeOf(reader.number()),
    legs: readList(reader, readAssetLeg),
    sentAtMs: reader.number(),
  };
}

/** An expired transfer lacks fields, and is a map. */
function writePortionView(writer: PackWriter, view: TransferView | ExpiredTransfer): void {
  if (view.status !== "expired" && "memo" in view) writeView(writer, view);
  else writeValue(writer, view);
}

function readPortionView(reader: PackReader): TransferView | ExpiredTransfer {
  return reader.isMap() ? (readValue(reader) as ExpiredTransfer) : readView(reader); // written by `writePortionView`
}

function withAct<C extends object>(reader: PackReader, command: C): C & { readonly act?: Act } {
  return reader.nil() ? command : { ...command, act: readAct(reader) };
}

function ownerAt(reader: PackReader): { readonly owner?: string } {
  return reader.nil() ? {} : { owner: reader.cachedText() };
}

function settledAt(reader: PackReader): Settled | null {
  return reader.nil() ? null : (reader.cachedText() as Settled); // written by `writeFlat`
}
