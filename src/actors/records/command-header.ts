/** What every command has: its partner, the caller's idempotency key, and a hash of what was asked with it. */
export interface CommandHeader {
  readonly partner: string;
  readonly key: string | null;
  readonly fingerprint: number;
}
