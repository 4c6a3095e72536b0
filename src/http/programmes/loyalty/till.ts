/** Tills: API keys of role till, which only credit and debit points. */
import type { Call } from "../../call.ts";
import { invalid } from "../../problem.ts";

/** The role of a till's API keys. */
export const TILL = "till";

/** Routes that a till may use. */
export const TILL_ACCESS = { roles: ["partner", TILL] } as const;

const NAME_LENGTH_MAX = 128;

/** @throws Problem 400 */
export function checkTillName(name: string): void {
  if (name === "" || name.length > NAME_LENGTH_MAX)
    throw invalid(
      "name",
      `must be the till's name for a key of role till: 1 to ${NAME_LENGTH_MAX} characters`,
    );
}

/** The name of the calling till; `undefined` for other keys. */
export function tillOf({ principal }: Call): string | undefined {
  return principal?.partner !== undefined && principal.role === TILL ? principal.name : undefined;
}
