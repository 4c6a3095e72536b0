/** A sum that may exceed `Number.MAX_SAFE_INTEGER`. An addition uses a bigint only when the number part overflows. */
export class ExactSum {
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
