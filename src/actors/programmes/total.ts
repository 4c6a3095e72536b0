/** A sum that may leave the range of exact numbers, and hardly ever costs more than a number. */
export class Total {
  #whole: bigint;
  #rest = 0;

  constructor(value = 0n) {
    this.#whole = value;
  }

  get value(): bigint {
    return this.#whole + BigInt(this.#rest);
  }

  /** @param amount a safe integer. */
  add(amount: number): void {
    const rest = this.#rest + amount;
    if (Number.isSafeInteger(rest)) this.#rest = rest;
    else {
      this.#whole += BigInt(this.#rest) + BigInt(amount);
      this.#rest = 0;
    }
  }
}
