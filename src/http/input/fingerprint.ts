/** Fingerprints of requests: equal for equal requests, whatever their encoding and member order. */

/**
 * A 53-bit hash (cyrb53), not cryptographic. It only distinguishes two requests of one client under one idempotency
 * key, so a client that constructs a collision harms only itself.
 */
export function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** JSON with object members sorted by name, without members that are `undefined`. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members: string[] = [];
  for (const name of Object.keys(value).toSorted()) {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${canonicalJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** @param canonical the canonical text of the request. */
export function fingerprintOf(method: string, path: string, canonical: string): number {
  return hash53(`${method} ${path}\0${canonical}`);
}

/** The sender of a request. `method` and `path` enter the fingerprint. */
export type RequestSender = Readonly<{ partner: string; method: string; path: string }>;
