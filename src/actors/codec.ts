/**
 * Commands and outcomes as MessagePack. A transfer, the hot one, is two flat arrays; all others are maps, since
 * nobody counts their bytes. The gateway encodes a command once; the shard puts the same arrays into the log.
 *
 * A batch body is an array of records `[op, partner, key, fingerprint, asked, outcome]`. An outcome begins
 * with 0 when accepted, else it is `[rejection, subject]`. Fields are only ever added at the end.
 */
import { Packr } from "msgpackr";
import type { Command, LogRecord, Outcome, Transfer, TransferPosted } from "./command.ts";
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

/** What was asked, without its partner: `[op, key, fingerprint, asked]`. */
export type WireCommand = readonly [op: number, key: string | null, fingerprint: number, asked: unknown];
export type WireOutcome = readonly [rejection: number, ...unknown[]];
export type WireRecord = readonly [
  op: number,
  partner: string,
  key: string | null,
  fingerprint: number,
  asked: unknown,
  outcome: WireOutcome,
];

type WireTransfer = readonly [string, string, number, string | null, string | null, number | null];

export function toWireCommand(command: Command): WireCommand {
  if (command.op === "transfer") {
    const { debit, credit, amount, memo, metadata, occurredAtMs } = command;
    const asked: WireTransfer = [debit, credit, amount, memo, metadata, occurredAtMs];
    return [OPS.transfer, command.key, command.fingerprint, asked];
  }
  const { op, partner: _, key, fingerprint, ...asked } = command;
  return [OPS[op], key, fingerprint, asked];
}

/** @throws TypeError a command that this version does not know. */
export function fromWireCommand(partner: string, wire: WireCommand): Command {
  return decodeCommand(wire[0], partner, wire[1], wire[2], wire[3]);
}

function decodeCommand(
  op: number,
  partner: string,
  key: string | null,
  fingerprint: number,
  asked: unknown,
): Command {
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
    };
    return transfer;
  }
  const name = OP_NAMES.get(op);
  if (name === undefined) throw new TypeError(`unknown command ${op}`);
  return { op: name, partner, key, fingerprint, ...(asked as object) } as Command;
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

/** One record of the log, from what the gateway sent and what the shard decided. */
export function toWireRecord(partner: string, wire: WireCommand, outcome: WireOutcome): WireRecord {
  return [wire[0], partner, wire[1], wire[2], wire[3], outcome];
}

export function fromWireRecord(wire: WireRecord): LogRecord {
  const command = decodeCommand(wire[0], wire[1], wire[2], wire[3], wire[4]);
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

export function encodeBatchBody(records: readonly WireRecord[]): Uint8Array<ArrayBuffer> {
  return encode(records);
}

/** The records of a batch, still as arrays: `fromWireRecord` makes one of them readable. */
export function decodeBatchBody(body: Uint8Array): readonly WireRecord[] {
  return decode(body) as WireRecord[];
}
