/**
 * Finds in a packed record what an index needs, without creating objects or strings: numbers, and the byte ranges of
 * texts in `reader.bytes`. The layout is that of plain-records.ts.
 */
import type { PackReader } from "./pack-reader.ts";
import { PACKED, TRANSFER_VALUES } from "./plain-records.ts";

/** Number of values between two of an array. */
function between<F extends string>(fields: readonly F[], first: NoInfer<F>, second: NoInfer<F>): number {
  return fields.indexOf(second) - fields.indexOf(first) - 1;
}

/** Number of an array's values up to this one, inclusive. */
function upTo<F extends string>(fields: readonly F[], last: NoInfer<F>): number {
  return fields.indexOf(last) + 1;
}

const RECORD_TO_PARTNER = upTo(PACKED.record, "partner");
const PARTNER_TO_COMMAND = between(PACKED.record, "partner", "command");
const TRANSFER_TO_AMOUNT = upTo(PACKED.transfer, "amount");
const CREDIT_AMOUNT_TO_ID = between(PACKED.credit, "amount", "id");
const CREDIT_TO_ID = upTo(PACKED.credit, "id");
const ID_TO_DEBIT_SEQ = between(PACKED.posted, "id", "debitSeq");
const POSTED_DEBIT_SEQ_TO_CREDIT_SEQ = between(PACKED.posted, "debitSeq", "creditSeq");
const POSTED_TO_CREDIT_SEQ = upTo(PACKED.posted, "creditSeq");
const SENT_TO_DEBIT_SEQ = upTo(PACKED.sent, "debitSeq");
const REJECTION_TO_CREDITED_SEQ = between(PACKED.credited, "rejection", "seq");
const CREDITED_TO_SEQ = upTo(PACKED.credited, "seq");
const REJECTION = 1;

/** Its methods read a record of `values` values whose op was read, to its end. */
export class RecordScan {
  partnerStart = 0;
  partnerEnd = 0;
  debitStart = 0;
  debitEnd = 0;
  creditStart = 0;
  creditEnd = 0;
  idStart = 0;
  idEnd = 0;
  amount = 0;
  debitSeq = 0;
  creditSeq = 0;
  hasAct = false;
  readonly #reader: PackReader;

  constructor(reader: PackReader) {
    this.#reader = reader;
  }

  /** Any record: only its partner. */
  partner(values: number): void {
    this.#partner();
    this.#reader.skip(values - RECORD_TO_PARTNER);
  }

  /**
   * A transfer within its shard, or else the debit of one to another shard, which has no `creditSeq`.
   *
   * @returns whether it was accepted; if not, id and seqs are not set.
   */
  transfer(values: number, isWithinShard: boolean): boolean {
    const reader = this.#reader;
    this.#partner();
    reader.skip(PARTNER_TO_COMMAND);
    const commandValues = reader.array();
    reader.text();
    this.debitStart = reader.textStart;
    this.debitEnd = reader.textEnd;
    reader.text();
    this.creditStart = reader.textStart;
    this.creditEnd = reader.textEnd;
    this.amount = reader.number();
    this.hasAct = commandValues > TRANSFER_VALUES;
    reader.skip(commandValues - TRANSFER_TO_AMOUNT);
    const outcomeValues = reader.array();
    const isAccepted = reader.number() === 0;
    let read = REJECTION;
    if (isAccepted) {
      this.#id();
      reader.skip(ID_TO_DEBIT_SEQ);
      this.debitSeq = reader.number();
      read = SENT_TO_DEBIT_SEQ;
      if (isWithinShard) {
        reader.skip(POSTED_DEBIT_SEQ_TO_CREDIT_SEQ);
        this.creditSeq = reader.number();
        read = POSTED_TO_CREDIT_SEQ;
      }
    }
    reader.skip(outcomeValues - read + values - PACKED.record.length);
    return isAccepted;
  }

  /** The credit of a transfer from another shard: its debit is not set. Returns as `transfer`. */
  credit(values: number): boolean {
    const reader = this.#reader;
    this.#partner();
    reader.skip(PARTNER_TO_COMMAND);
    const commandValues = reader.array();
    reader.skip(1);
    reader.text();
    this.creditStart = reader.textStart;
    this.creditEnd = reader.textEnd;
    this.amount = reader.number();
    reader.skip(CREDIT_AMOUNT_TO_ID);
    this.#id();
    reader.skip(commandValues - CREDIT_TO_ID);
    const outcomeValues = reader.array();
    const isAccepted = reader.number() === 0;
    let read = REJECTION;
    if (isAccepted) {
      reader.skip(REJECTION_TO_CREDITED_SEQ);
      this.creditSeq = reader.number();
      read = CREDITED_TO_SEQ;
    }
    reader.skip(outcomeValues - read + values - PACKED.record.length);
    return isAccepted;
  }

  #partner(): void {
    const reader = this.#reader;
    reader.text();
    this.partnerStart = reader.textStart;
    this.partnerEnd = reader.textEnd;
  }

  #id(): void {
    const reader = this.#reader;
    reader.text();
    this.idStart = reader.textStart;
    this.idEnd = reader.textEnd;
  }
}
