/** Metadata of accounts: canonical JSON text of one object of strings. */

/** Bounds of one account's metadata after a merge: number of keys, and UTF-8 bytes of the JSON text. */
const METADATA_KEYS_MAX = 50;
export const METADATA_BYTES_MAX = 32 * 1024;

/** Merges a JSON patch (RFC 7396) of strings and nulls; returns canonical JSON text, `undefined` if it is too large. */
export function mergeMetadata(current: string | null, patch: string): string | null | undefined {
  const merged = new Map<string, unknown>(Object.entries(current === null ? {} : JSON.parse(current)));
  for (const [name, value] of Object.entries(JSON.parse(patch))) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  if (merged.size > METADATA_KEYS_MAX) return undefined;
  if (merged.size === 0) return null;
  const sorted = [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(Object.fromEntries(sorted));
  const bytes = utf8Bytes(text);
  // Metadata from before this bound existed may exceed it, as long as each patch makes it smaller.
  const bytesMax = Math.max(METADATA_BYTES_MAX, current === null ? 0 : utf8Bytes(current) - 1);
  return bytes > bytesMax ? undefined : text;
}

/** UTF-8 length of well-formed text: each half of a surrogate pair counts two bytes. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
