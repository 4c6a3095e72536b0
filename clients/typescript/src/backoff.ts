/** Waits between tries. */
export type Backoff = Readonly<{ minMs: number; maxMs: number }>;

/** Doubles with each failure up to `maxMs`; half of it is random, so that many clients do not return at once. */
export function backoffMs({ minMs, maxMs }: Backoff, failures: number): number {
  const ms = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30));
  return (ms / 2) * (1 + Math.random());
}

/** @throws the reason of `signal` as soon as it is aborted */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted === true) end();
  });
}
