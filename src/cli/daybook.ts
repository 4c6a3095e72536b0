#!/usr/bin/env node
/**
 * The command line. One file for each command, registered here.
 *
 * Exit codes: 0 well, 1 something is wrong or could not be done, 2 the command line is wrong.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { LogError } from "../wal/wal.ts";
import { clock } from "./clock.ts";
import { doctor } from "./doctor.ts";
import { replay } from "./replay.ts";
import { seed } from "./seed.ts";
import { serve } from "./serve.ts";
import { OperatorError, UsageError } from "./settings.ts";
import { snapshot } from "./snapshot.ts";
import { walExport } from "./wal-export.ts";
import { walInfo } from "./wal-info.ts";
import { walLs } from "./wal-ls.ts";
import { walTail } from "./wal-tail.ts";
import { walVerify } from "./wal-verify.ts";

const FAILED = 1;
const BAD_USAGE = 2;

const wal = new Command("wal")
  .description("look at the log")
  .addCommand(walInfo())
  .addCommand(walLs())
  .addCommand(walTail())
  .addCommand(walVerify())
  .addCommand(walExport());

const program = new Command("daybook")
  .description(
    "A ledger server, and what looks at its log. All but `serve`, `snapshot`, `seed` and `clock` only read, and may run beside a live server.",
  )
  .version(readVersion())
  .enablePositionalOptions()
  .addCommand(serve())
  .addCommand(wal)
  .addCommand(replay())
  .addCommand(snapshot())
  .addCommand(seed())
  .addCommand(clock())
  .addCommand(doctor());

/** Commands that were made apart from each other share what commander would otherwise hand down. */
function prepare(command: Command): void {
  command.exitOverride().configureOutput({
    outputError: (text, write) => write(`daybook: ${text.replace(/^error: /, "")}`),
  });
  for (const each of command.commands) prepare(each);
}

function readVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
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

prepare(program);
// The server ends by itself.
program.hook("postAction", (_, command) => {
  if (command.name() !== "serve") leave();
});
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  leave();
}
