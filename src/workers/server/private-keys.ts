/** The keys that the server keeps apart from the log that they encrypt. */
import { join } from "node:path";
import type { PersonKeysUsed } from "../../actors/programmes/programme.ts";
import type { Config } from "../../config.ts";
import { messageOf } from "../../errors/error-message.ts";
import type { Log } from "../../http/log/request-log.ts";
import { PERSONS_FILE, PersonKeys } from "../../persons/person-keys.ts";
import { randomBytes } from "../../random.ts";
import { storedSecretKey } from "./private-files.ts";

/** Opens the keys of secrets and of persons, from the settings or DATA_DIR. @throws Error one line */
export function openKeys({ dataDir, ...config }: Config): { secretKey: string; persons: PersonKeys } {
  const secretKey = config.secretKey ?? storedSecretKey(dataDir, randomBytes);
  const path = join(dataDir, PERSONS_FILE);
  try {
    return { secretKey, persons: new PersonKeys(path) };
  } catch (error) {
    throw new Error(`the keys of persons in ${path} cannot be opened: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws Error one line: keys are missing, and no operator has accepted that */
export function checkPersonKeys(persons: PersonKeys, used: readonly PersonKeysUsed[], log: Log): void {
  for (const keys of used) {
    const fault = persons.faultOf(keys);
    if (fault === undefined) continue;
    if (!persons.noteAcceptedLoss(keys)) throw new Error(fault);
    log.warn({ reason: fault }, "keys of persons are lost, as an operator has accepted");
  }
  persons.acceptLoss(false);
}
