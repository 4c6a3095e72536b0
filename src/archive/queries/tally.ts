/**
 * Sums amounts exactly. A system account's slices and a page's part of them may pass 2^53 on the way to a
 * total that does not; what would leave the safe range moves into a bigint first.
 */
export class Tally {
  count = 0;
  seqMax = 0;
  #near = 0;
  #far = 0n;

  add(amount: number, seq: number): void {
    this.count += 1;
    if (seq > this.seqMax) this.seqMax = seq;
    this.#addAmount(amount);
  }

  /** A page's figures at once. */
  addPage(sum: number, count: number, seqMax: number): void {
    this.count += count;
    if (seqMax > this.seqMax) this.seqMax = seqMax;
    this.#addAmount(sum);
  }

  get sum(): bigint {
    return this.#far + BigInt(this.#near);
  }

  #addAmount(amount: number): void {
    if (Math.abs(this.#near) + Math.abs(amount) > Number.MAX_SAFE_INTEGER) {
      this.#far += BigInt(this.#near);
      this.#near = 0;
    }
    this.#near += amount;
  }
}
