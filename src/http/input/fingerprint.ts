/** The same request has the same fingerprint, whatever its encoding and the order of its members. */

/**
 * 53 bits, not cryptographic (cyrb53): it only tells a client's own two requests under one idempotency key apart,
 * so a collision that somebody builds on purpose deceives nobody but themselves.
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

/** JSON with the members of every object in order of their names; members that are `undefined` are left out. */
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

/** `asked` is canonical text. */
export function fingerprintOf(method: string, path: string, asked: string): number {
  return hash53(`${method} ${path}\0${asked}`);
}

/** Whose request it is; method and path go into the fingerprint. */
export type Asker = Readonly<{ partner: string; method: string; path: string }>;
