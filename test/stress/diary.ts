/**
 * The memory of a load process, as a file of JSON arrays: there are too many requests and answers to send them over a
 * channel during the measurement.
 */
import { appendFileSync, createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Answer, Operation, Sending } from "./operation.ts";

/** Fewer would cost a system call per operation, more would pause the load for longer. */
const LINES_HELD_MAX = 500;

type SendingRow = [askedMs: number, answeredMs: number, is: Answer["is"], text: string, replayed: 0 | 1];
type Row = [
  key: string,
  debit: string,
  credit: string,
  amount: number,
  overspends: 0 | 1,
  inBatch: 0 | 1,
  sendings: SendingRow[],
];

export class Diary {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** A finished operation. */
  write({ key, debit, credit, amount, overspends, inBatch, sendings }: Operation): void {
    const row: Row = [
      key,
      debit,
      credit,
      amount,
      overspends ? 1 : 0,
      inBatch ? 1 : 0,
      sendings.map(rowOfSending),
    ];
    this.#lines.push(`${JSON.stringify(row)}\n`);
    if (this.#lines.length >= LINES_HELD_MAX) this.flush();
  }

  flush(): void {
    appendFileSync(this.#file, this.#lines.join(""));
    this.#lines = [];
  }
}

export async function readDiary(file: string): Promise<readonly Operation[]> {
  const operations: Operation[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [key, debit, credit, amount, overspends, inBatch, sendings] = JSON.parse(line) as Row;
    operations.push({
      key,
      debit,
      credit,
      amount,
      overspends: overspends === 1,
      inBatch: inBatch === 1,
      sendings: sendings.map(sendingOfRow),
    });
  }
  return operations;
}

function rowOfSending({ askedMs, answeredMs, answer }: Sending): SendingRow {
  const times = [round(askedMs), round(answeredMs)] as const;
  switch (answer.is) {
    case "accepted":
      return [...times, answer.is, answer.id, answer.replayed ? 1 : 0];
    case "rejected":
      return [...times, answer.is, answer.code, answer.replayed ? 1 : 0];
    case "unknown":
    case "not_done":
      return [...times, answer.is, answer.why, 0];
  }
}

function sendingOfRow([askedMs, answeredMs, is, text, replayed]: SendingRow): Sending {
  return { askedMs, answeredMs, answer: answerOf(is, text, replayed === 1) };
}

function answerOf(is: Answer["is"], text: string, replayed: boolean): Answer {
  switch (is) {
    case "accepted":
      return { is, id: text, replayed };
    case "rejected":
      return { is, code: text, replayed };
    case "unknown":
    case "not_done":
      return { is, why: text };
  }
}

/** Rounded to a hundredth of a millisecond, the precision of this measurement. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
