import { ExactSum } from "../../bounds/exact-sum.ts";

/** Number, sum and highest sequence number of an account's entries. */
export class Tally {
  count = 0;
  seqMax = 0;
  readonly #sum = new ExactSum();

  add(amount: number, seq: number): void {
    this.addPage(amount, 1, seq);
  }

  /** Adds the stats of a whole page. */
  addPage(sum: number, count: number, seqMax: number): void {
    this.count += count;
    if (seqMax > this.seqMax) this.seqMax = seqMax;
    this.#sum.add(sum);
  }

  get sum(): bigint {
    return this.#sum.value;
  }
}
