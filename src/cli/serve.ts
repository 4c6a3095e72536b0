/** `daybook serve`: the server, in this process. */
import { Command } from "commander";

const MAIN = new URL("../main.ts", import.meta.url);

export function serve(): Command {
  return new Command("serve")
    .description("run the server; takes the server's flags")
    .argument("[flags...]", "settings of the README by flag, as --port 3000 --wal-url redis://…")
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (flags: readonly string[]) => {
      // The server reads its own command line, and ends the process itself.
      process.argv = [process.execPath, MAIN.pathname, ...flags];
      await import(MAIN.href);
    });
}
