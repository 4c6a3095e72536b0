#!/usr/bin/env node
/**
 * The command line. Each command is a file that is loaded only when it is used, since most of them load the whole ledger.
 *
 * Exit codes: 0 success, 1 a problem was found or the command failed, 2 bad arguments.
 */
import { Command, CommanderError } from "commander";
import { useCompileCache } from "../compile-cache.ts";
import { VERSION } from "../version.ts";
import { LogError } from "../wal/wal.ts";
import { OperatorError, UsageError } from "./errors.ts";

const FAILED = 1;
const BAD_USAGE = 2;

/** A command with a loader for its options and action, or a group of commands. */
type Entry = Readonly<
  | { summary: string; load: () => Promise<(command: Command) => Command> }
  | { summary: string; commands: Commands }
>;
type Commands = Readonly<{ [name: string]: Entry }>;

const COMMANDS: Commands = {
  serve: {
    summary: "run the server; takes the server's settings as flags",
    load: async () => (await import("./server/serve.ts")).serve,
  },
  wal: {
    summary: "inspect the log",
    commands: {
      info: {
        summary: "show the streams of the log: length, size, owner",
        load: async () => (await import("./wal/info.ts")).walInfo,
      },
      ls: {
        summary: "list the records of the log, one per line",
        load: async () => (await import("./wal/ls.ts")).walLs,
      },
      tail: {
        summary: "show the newest records",
        load: async () => (await import("./wal/tail.ts")).walTail,
      },
      verify: {
        summary: "check the whole log: checksums, hash chain, records, witnesses",
        load: async () => (await import("./wal/verify.ts")).walVerify,
      },
      export: {
        summary: "write the log as JSON lines",
        load: async () => (await import("./wal/export.ts")).walExport,
      },
    },
  },
  log: {
    summary: "what to do when the log has lost batches",
    commands: {
      repair: {
        summary: "append what the log has lost and the archive still holds",
        load: async () => (await import("./log/repair.ts")).logRepair,
      },
      "accept-loss": {
        summary: "give up what nobody can restore, and let the server start",
        load: async () => (await import("./log/accept-loss.ts")).logAcceptLoss,
      },
    },
  },
  archive: {
    summary: "verify and repair the archive",
    commands: {
      verify: {
        summary: "check every archived batch, and list the damaged ones",
        load: async () => (await import("./archive.ts")).archiveVerify,
      },
      repair: {
        summary: "restore damaged batches while no server runs",
        load: async () => (await import("./archive.ts")).archiveRepair,
      },
    },
  },
  replay: {
    summary: "rebuild the balances of a past moment",
    load: async () => (await import("./replay.ts")).replay,
  },
  snapshot: {
    summary: "take a snapshot of every shard",
    load: async () => (await import("./server/snapshot.ts")).snapshot,
  },
  seed: {
    summary: "fill a running server with demo data: members, vouchers, segments, sellers, wallets",
    load: async () => (await import("./server/seed.ts")).seed,
  },
  listen: {
    summary: "show a partner's events as they come, and forward them to a receiver on this machine",
    load: async () => (await import("./events/listen.ts")).listen,
  },
  trigger: {
    summary: "make a sample of a type of event in a scratch partner",
    load: async () => (await import("./events/trigger.ts")).trigger,
  },
  clock: {
    summary: "the clock that log time follows",
    commands: {
      accept: {
        summary: "make the running server follow this machine's clock after a jump",
        load: async () => (await import("./server/clock.ts")).clockAccept,
      },
    },
  },
  persons: {
    summary: "the keys that personal data is encrypted with",
    commands: {
      "accept-loss": {
        summary: "let the server start although keys are lost",
        load: async () => (await import("./persons.ts")).personsAcceptLoss,
      },
    },
  },
  doctor: {
    summary: "check the store of the log and its settings, and print what to change",
    load: async () => (await import("./doctor/doctor.ts")).doctor,
  },
};

const program = new Command("daybook")
  .description(
    "A ledger server, and tools for its log. All commands but `serve`, `snapshot`, `seed`, `trigger`, `clock`, `persons`, `log` and `archive repair` only read, and can be used while the server runs.",
  )
  .version(VERSION)
  .enablePositionalOptions();

/** Adds all commands, and loads the one that `words` name. */
async function addCommands(parent: Command, commands: Commands, words: readonly string[]): Promise<void> {
  const [wanted, ...rest] = words;
  for (const [name, entry] of Object.entries(commands)) {
    const command = parent.command(name).description(entry.summary);
    if ("commands" in entry) await addCommands(command, entry.commands, name === wanted ? rest : []);
    else if (name === wanted) (await entry.load())(command);
  }
}

function exitCodeOf(error: unknown): number {
  // With exit code 0 the user asked for help. Otherwise help was printed because the command is missing.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
  // The reader of stdout has closed it, as `head` does.
  if (isSystemError(error) && error.code === "EPIPE") return 0;
  const mistake = error instanceof UsageError;
  const expected =
    mistake ||
    error instanceof OperatorError ||
    error instanceof LogError ||
    isSystemError(error) ||
    isRefusal(error);
  const text = expected ? error.message.replaceAll("\n", " ") : describeBug(error);
  process.stderr.write(`daybook: ${text}\n`);
  return mistake ? BAD_USAGE : FAILED;
}

/** Whether it is an error of the operating system or of SQLite, so not a bug of this program. */
function isSystemError(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return false;
  return "syscall" in error || error.code === "ERR_SQLITE_ERROR";
}

/** Whether it is the client's error. Only the commands that call a server load the client. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === "DaybookError";
}

function describeBug(error: unknown): string {
  return `this is a bug: ${error instanceof Error ? error.stack : String(error)}`;
}

/** Exits once all output is written, without waiting for closing connections to Redis. */
function leave(): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

useCompileCache();
// Files that a command creates in the server's folders are private, like the server's own.
process.umask(0o077);
// All commands inherit both settings.
program.exitOverride().configureOutput({
  outputError: (text, write) => write(`daybook: ${text.replace(/^error: /, "")}`),
});
// The server exits by itself.
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
