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
import { PackWriter } from "./pack-writer.ts";
import { REJECTIONS, rejectionOf } from "./rejection.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** Numbers in the log: never given to another command. */
const OPS = {
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

export type WireCommand = readonly [
  op: number,
  partner: string,
  key: string | null,
  fingerprint: number,
  asked: unknown,
];
export type WireOutcome = readonly [rejection: number, ...unknown[]];
export type WireRecord = readonly [...WireCommand, outcome: WireOutcome];

type WireTransfer = readonly [
  debit: string,
  credit: string,
  amount: number,
  memo: string | null,
  metadata: string | null,
  occurredAtMs: number | null,
  vnode: number,
];

/** Packed commands, one behind the other. */
export class CommandWriter {
  readonly #writer = new PackWriter();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(command: Command): void {
    this.#count += 1;
    const writer = this.#writer;
    writer.array(5);
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
    this.#count = 0;
    return this.#writer.take();
  }
}

function writeTransfer(writer: PackWriter, transfer: Transfer): void {
  writer.array(7);
  writer.text(transfer.debit);
  writer.text(transfer.credit);
  writer.number(transfer.amount);
  writer.textOrNil(transfer.memo);
  writer.textOrNil(transfer.metadata);
  if (transfer.occurredAtMs === null) writer.nil();
  else writer.number(transfer.occurredAtMs);
  writer.number(transfer.vnode);
}

/** Calls `visit` with each command and where its bytes are. @throws TypeError a command that this version does not know. */
export function readCommands(
  packed: Uint8Array,
  visit: (command: Command, start: number, end: number) => void,
): void {
  const wires: WireCommand[] = [];
  const ends: number[] = [];
  packr.unpackMultiple(packed, (wire: WireCommand, _start?: number, end?: number) => {
    wires.push(wire);
    ends.push(end as number);
  });
  let start = 0;
  for (let i = 0; i < wires.length; i++) {
    const end = ends[i] as number;
    visit(fromWireCommand(wires[i] as WireCommand), start, end);
    start = end;
  }
}

/** A command as it lies in a record, for who looks at packed records without reading them. */
export function toWireCommand(command: Command): WireCommand {
  const writer = new CommandWriter();
  writer.add(command);
  return decode(writer.take()) as WireCommand;
}

function fromWireCommand(wire: WireCommand | WireRecord): Command {
  const [op, partner, key, fingerprint, asked] = wire;
  if (op === OPS.transfer) {
    const fields = asked as WireTransfer;
    const transfer: Transfer = {
      op: "transfer",
      partner,
      key,
      fingerprint,
      debit: fields[0],
      credit: fields[1],
      amount: fields[2],
      memo: fields[3],
      metadata: fields[4],
      occurredAtMs: fields[5],
      vnode: fields[6],
    };
    return transfer;
  }
  const name = OP_NAMES.get(op);
  if (name === undefined) throw new TypeError(`unknown command ${op}`);
  return { op: name, partner, key, fingerprint, ...(asked as object) } as Command;
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
    writer.array(6);
    writer.raw(source, start + 1, end); // all but the head of the command's own array
    if (command.op === "transfer" && outcome.ok) writePosted(writer, outcome as TransferPosted);
    else writePacked(writer, toWireOutcome(command, outcome));
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
  writer.array(8);
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

export function toWireOutcome(command: Command, outcome: Outcome): WireOutcome {
  if (!outcome.ok) return [REJECTIONS[outcome.code], outcome.subject];
  if (command.op === "transfer") {
    const posted = outcome as TransferPosted;
    return [
      0,
      posted.id,
      posted.debitPosted,
      posted.debitHeld,
      posted.debitSeq,
      posted.creditPosted,
      posted.creditHeld,
      posted.creditSeq,
    ];
  }
  const { ok: _, ...effects } = outcome;
  return [0, effects];
}

/** @throws TypeError a rejection that this version does not know. */
export function fromWireOutcome<C extends Command>(command: C, wire: WireOutcome): Outcome<C> {
  if (wire[0] !== 0) return { ok: false, code: rejectionOf(wire[0]), subject: wire[1] as string | null };
  if (command.op === "transfer") {
    const posted: TransferPosted = {
      ok: true,
      id: wire[1] as string,
      debitPosted: wire[2] as number,
      debitHeld: wire[3] as number,
      debitSeq: wire[4] as number,
      creditPosted: wire[5] as number,
      creditHeld: wire[6] as number,
      creditSeq: wire[7] as number,
    };
    return posted as Outcome<C>;
  }
  return { ok: true, ...(wire[1] as object) } as Outcome<C>;
}

/** @throws TypeError a command or rejection that this version does not know. */
export function fromWireRecord(wire: WireRecord): LogRecord {
  const command = fromWireCommand(wire);
  return { command, outcome: fromWireOutcome(command, wire[5]) };
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

/** The records of a batch, still as arrays: `fromWireRecord` makes one of them readable. */
export function decodeBatchBody(body: Uint8Array): readonly WireRecord[] {
  return decode(body) as WireRecord[];
}

/** A batch body of these records. */
export function encodeBatchBody(records: readonly WireRecord[]): Uint8Array<ArrayBuffer> {
  return encode(records);
}

export function toWireRecord(_partner: string, command: WireCommand, outcome: WireOutcome): WireRecord {
  return [...command, outcome];
}
