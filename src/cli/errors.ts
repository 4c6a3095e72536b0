/** What an operator is told in one line. */

/** The operator asked for something that cannot be: exit code 2, one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The operator asked for something that is not there, or cannot be done now: exit code 1, one line. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
}
