/** A broken invariant is a bug: the shard must stop rather than continue on a state it cannot trust. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}

/** Closes a `switch` over a union: adding a variant turns the call into a type error. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
