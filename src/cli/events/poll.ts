import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 100;

/** Looks until there is something, at most `msMax`. @returns `undefined` if nothing came */
export async function poll<T>(msMax: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const endMs = performance.now() + msMax; performance.now() < endMs; await delay(POLL_MS)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}
