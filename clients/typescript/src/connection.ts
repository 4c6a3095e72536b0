/** A connection to the server, which ends when its caller ends it, or when the server is silent for too long. */
export class Connection {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #follow = (): void => this.#abort.abort(this.#caller?.reason);

  /** @param caller ends the connection with its reason. */
  constructor(caller?: AbortSignal) {
    this.#caller = caller;
    if (caller?.aborted === true) this.#follow();
    // Not AbortSignal.any with AbortSignal.timeout: some releases of Node.js 20 and 22 collect these before they fire.
    caller?.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * The result of `work`. It does not rely on `work` to watch `signal`: `fetch` of Node.js forgets a signal when it collects
   * the request while the answer is still read.
   *
   * @throws Error if it takes longer; the reason of `signal`
   */
  within<T>(ms: number, work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const end = () => reject(signal.reason as Error);
      const tooLong = () => this.#abort.abort(new Error(`the server has sent nothing for ${ms / 1000} s`));
      const timer = setTimeout(tooLong, ms);
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
      void work.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
      });
    });
  }

  end(): void {
    this.#caller?.removeEventListener("abort", this.#follow);
    this.#abort.abort();
  }
}
