/** Errors that the command line reports in one line, without a stack. */

/** Bad arguments: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something is missing, or cannot be done now: exit code 1. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
}
