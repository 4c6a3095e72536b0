/** `daybook serve`: runs the server in this process. */
import type { Command } from "commander";
import { settingsHelp } from "../../settings-help.ts";

const MAIN = new URL("../../main.ts", import.meta.url);

export function serve(command: Command): Command {
  return command
    .argument("[flags...]", "settings, such as --port 3000 --wal-url redis://…")
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText("after", `\n${settingsHelp()}`)
    .action(async (flags: readonly string[]) => {
      // The server reads process.argv itself, and exits the process itself.
      process.argv = [process.execPath, MAIN.pathname, ...flags];
      await import(MAIN.href);
    });
}
