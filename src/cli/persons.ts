/** `daybook persons accept-loss`: lets the server start although keys of persons are lost. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { PERSONS_FILE, PersonKeys } from "../persons/person-keys.ts";
import { OperatorError } from "./errors.ts";
import { readLogSettings } from "./settings.ts";
import { printLines } from "./terminal.ts";

export function personsAcceptLoss(command: Command): Command {
  return command
    .addOption(new Option("--data-dir <folder>", "the server's folder (DATA_DIR)"))
    .addHelpText(
      "after",
      `
For a server that does not start because ${PERSONS_FILE} is missing, or older than
the log, and of which there is no newer copy. Names and e-mails that were encrypted
with the lost keys cannot be read any more; everything else is whole.`,
    )
    .action(async (options: Readonly<{ dataDir?: string }>) => {
      const { dataDir } = readLogSettings({ ...options, walUrl: "sqlite:unused" });
      const path = join(dataDir, PERSONS_FILE);
      if (!existsSync(path))
        throw new OperatorError(`there is no ${path}: has a server started with this DATA_DIR?`);
      const keys = new PersonKeys(path);
      keys.acceptLoss();
      keys.close();
      await printLines([`the next start of the server accepts that keys are missing in ${path}`]);
    });
}
