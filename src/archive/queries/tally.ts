/**
 * Sums amounts exactly. Intermediate sums may exceed 2^53 even if the total does not, so a sum is moved into a bigint
 * before it leaves the safe range.
 */
export class Tally {
  count = 0;
  seqMax = 0;
  #safeSum = 0;
  #overflow = 0n;

  add(amount: number, seq: number): void {
    this.count += 1;
    if (seq > this.seqMax) this.seqMax = seq;
    this.#addAmount(amount);
  }

  /** Adds the stats of a whole page. */
  addPage(sum: number, count: number, seqMax: number): void {
    this.count += count;
    if (seqMax > this.seqMax) this.seqMax = seqMax;
    this.#addAmount(sum);
  }

  get sum(): bigint {
    return this.#overflow + BigInt(this.#safeSum);
  }

  #addAmount(amount: number): void {
    if (Math.abs(this.#safeSum) + Math.abs(amount) > Number.MAX_SAFE_INTEGER) {
      this.#overflow += BigInt(this.#safeSum);
      this.#safeSum = 0;
    }
    this.#safeSum += amount;
  }
}
