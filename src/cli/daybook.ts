#!/usr/bin/env node
/**
 * The command line. One file for each command, which is loaded when it is asked for: most of them need the whole ledger.
 *
 * Exit codes: 0 well, 1 something is wrong or could not be done, 2 the command line is wrong.
 */
import { Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { LogError } from "../wal/wal.ts";
import { OperatorError, UsageError } from "./errors.ts";

const FAILED = 1;
const BAD_USAGE = 2;

/** A command: how its options and its action are added to it. Or a group of them. */
type Entry = Readonly<
  | { summary: string; load: () => Promise<(command: Command) => Command> }
  | { summary: string; commands: Commands }
>;
type Commands = Readonly<{ [name: string]: Entry }>;

const COMMANDS: Commands = {
  serve: {
    summary: "run the server; takes the server's settings as flags",
    load: async () => (await import("./serve.ts")).serve,
  },
  wal: {
    summary: "look at the log",
    commands: {
      info: {
        summary: "show the streams of the log: length, size, owner",
        load: async () => (await import("./wal-info.ts")).walInfo,
      },
      ls: {
        summary: "list what the log holds, a line for each record",
        load: async () => (await import("./wal-ls.ts")).walLs,
      },
      tail: {
        summary: "show the newest records",
        load: async () => (await import("./wal-tail.ts")).walTail,
      },
      verify: {
        summary: "read the whole log, and check all that can be checked of it",
        load: async () => (await import("./wal-verify.ts")).walVerify,
      },
      export: {
        summary: "write the log as JSON lines",
        load: async () => (await import("./wal-export.ts")).walExport,
      },
    },
  },
  archive: {
    summary: "look at the archive",
    commands: {
      verify: {
        summary: "read every archived batch, and name those that are damaged",
        load: async () => (await import("./archive.ts")).archiveVerify,
      },
      repair: {
        summary: "restore damaged batches, where no server runs",
        load: async () => (await import("./archive.ts")).archiveRepair,
      },
    },
  },
  replay: {
    summary: "rebuild the balances as they were",
    load: async () => (await import("./replay.ts")).replay,
  },
  snapshot: {
    summary: "take a snapshot of every shard",
    load: async () => (await import("./snapshot.ts")).snapshot,
  },
  seed: {
    summary: "fill a running server with a demo: members, vouchers, segments, sellers, wallets",
    load: async () => (await import("./demo.ts")).seed,
  },
  clock: {
    summary: "the clock that a server's log follows",
    commands: {
      accept: {
        summary: "tell the running server that this machine's clock is right, although it has jumped",
        load: async () => (await import("./clock.ts")).clockAccept,
      },
    },
  },
  doctor: {
    summary: "check the log's store and its settings, and say what to change",
    load: async () => (await import("./doctor.ts")).doctor,
  },
};

const program = new Command("daybook")
  .description(
    "A ledger server, and what looks at its log. All but `serve`, `snapshot`, `seed`, `clock` and `archive repair` only read, and may run beside a live server.",
  )
  .version(VERSION)
  .enablePositionalOptions();

/** Adds all commands by name, and to the one that `words` ask for what it does. */
async function addCommands(parent: Command, commands: Commands, words: readonly string[]): Promise<void> {
  const [asked, ...rest] = words;
  for (const [name, entry] of Object.entries(commands)) {
    const command = parent.command(name).description(entry.summary);
    if ("commands" in entry) await addCommands(command, entry.commands, name === asked ? rest : []);
    else if (name === asked) (await entry.load())(command);
  }
}

function exitCodeOf(error: unknown): number {
  // Help that was asked for is no mistake; help because the command is missing is one.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
  // Whoever reads us has seen enough, as `head` has.
  if (isSystemError(error) && error.code === "EPIPE") return 0;
  const mistake = error instanceof UsageError;
  const expected =
    mistake || error instanceof OperatorError || error instanceof LogError || isSystemError(error);
  const text = expected ? error.message.replaceAll("\n", " ") : describeBug(error);
  process.stderr.write(`daybook: ${text}\n`);
  return mistake ? BAD_USAGE : FAILED;
}

/** Of the operating system, or of SQLite: about files and sockets, not about this program. */
function isSystemError(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return false;
  return "syscall" in error || error.code === "ERR_SQLITE_ERROR";
}

function describeBug(error: unknown): string {
  return `this is a bug: ${error instanceof Error ? error.stack : String(error)}`;
}

/** Once all is printed. A closed connection to Redis lingers, which is nothing to wait for. */
function leave(): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

// What a command makes in the server's folders is the server's alone, as what the server makes itself.
process.umask(0o077);
// All commands inherit both.
program.exitOverride().configureOutput({
  outputError: (text, write) => write(`daybook: ${text.replace(/^error: /, "")}`),
});
// The server ends by itself.
program.hook("postAction", (_, command) => {
  if (command.name() !== "serve") leave();
});
try {
  const words = process.argv.slice(2).filter((word) => !word.startsWith("-") && word !== "help");
  await addCommands(program, COMMANDS, words);
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  leave();
}
