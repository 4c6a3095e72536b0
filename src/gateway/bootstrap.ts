/** Writes the first records of a new log: the operator's key, and the tenants of programmes. */
import { hash, randomBytes } from "node:crypto";
import { TENANTS } from "../actors/programmes/programmes.ts";
import { type Command, type Outcome, reject } from "../actors/records/command.ts";
import type { Directory } from "./directory.ts";

const OPERATOR_KEY_BYTES = 32;

type Submit = (command: Command) => Promise<Readonly<{ outcome: Outcome } | { refused: string }>>;

/**
 * Logs the records that are missing. Repeating any of them is harmless, so a server that crashes half-way completes
 * the rest at its next start.
 *
 * @returns the operator's key if one was created. It is not stored, so it must be shown now.
 */
export async function bootstrap(directory: Directory, submit: Submit): Promise<string | undefined> {
  for (const { id: partner, name } of TENANTS)
    if (directory.partner(partner) === undefined)
      await mustAccept(submit({ op: "create_partner", partner, name, key: null, fingerprint: 0 }));
  if (directory.hasOperatorKey) return undefined;
  const operatorKey = `dk_operator_${randomBytes(OPERATOR_KEY_BYTES).toString("base64url")}`;
  const keyHash = hash("sha256", operatorKey, "hex");
  await mustAccept(submit({ op: "set_operator_key", partner: "", keyHash, key: null, fingerprint: 0 }));
  return operatorKey;
}

async function mustAccept(answer: ReturnType<Submit>): Promise<void> {
  const decided = await answer;
  const outcome = "outcome" in decided ? decided.outcome : reject("partner_exists");
  if (!outcome.ok) throw new Error(`the first records of the log were refused: ${outcome.code}`);
}
