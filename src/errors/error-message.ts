/** The message of whatever was thrown, which need not be an `Error`. Node puts several failed connects into one error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0)
    return thrown.errors.map(messageOf).join(", ");
  return thrown instanceof Error ? thrown.message : String(thrown);
}
