/** Fields of every command: its partner, the caller's idempotency key, and a hash of the request made with that key. */
export interface CommandHeader {
  readonly partner: string;
  readonly key: string | null;
  readonly fingerprint: number;
}

/** The header of a command without an idempotency key. */
export function keyless(partner: string): CommandHeader {
  return { partner, key: null, fingerprint: 0 };
}
