/** E-mail addresses: one validation rule for customers and wallet users. */
import { z } from "@hono/zod-openapi";
import { invalid } from "../problem.ts";

const LENGTH_MAX = 254;
/** One `@` between two parts without whitespace and invisible characters; the second is a host name. */
const ADDRESS = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}.]+(?:\.[^\s@\p{C}.]+)*$/u;

/** The normalized address, as it is stored and compared: trimmed, lower case, NFC. `undefined` if it is not valid. */
export function emailOf(text: string): string | undefined {
  const email = text.trim().normalize("NFC").toLowerCase().normalize("NFC");
  return email.length <= LENGTH_MAX && ADDRESS.test(email) ? email : undefined;
}

const RULE = `must be an e-mail address of at most ${LENGTH_MAX} characters`;

export const Email = z
  .string()
  .transform((text, context) => {
    const email = emailOf(text);
    if (email === undefined) context.addIssue({ code: "custom", message: RULE });
    return email ?? text;
  })
  .openapi({
    type: "string",
    format: "email",
    maxLength: LENGTH_MAX,
    description: "Case is ignored.",
    example: "alice@example.com",
  });

/** The e-mail in a path. @throws Problem 400 */
export function emailOfPath(text: string | undefined): string {
  const email = emailOf(text ?? "");
  if (email === undefined) throw invalid("email", RULE);
  return email;
}
