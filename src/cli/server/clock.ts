/** `daybook clock accept`: makes the running server follow this machine's clock after a jump. */
import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import { acceptClock, cancelAcceptance, isAcceptancePending } from "../../wal/clock-acceptance.ts";
import { OperatorError } from "../errors.ts";
import { readLogSettings } from "../settings.ts";
import { formatTime, printLines } from "../terminal.ts";

const POLL_MS = 100;
/** A server checks for an acceptance once a second. */
const WAIT_MS_MAX = 10_000;

export function clockAccept(command: Command): Command {
  return command
    .addOption(new Option("--data-dir <folder>", "the server's folder (DATA_DIR)"))
    .action(async (options: Readonly<{ dataDir?: string }>) => {
      await accept(readLogSettings({ ...options, walUrl: "sqlite:unused" }).dataDir);
    });
}

async function accept(dataDir: string): Promise<void> {
  const nowMs = Date.now();
  acceptClock(dataDir, nowMs);
  const endMs = performance.now() + WAIT_MS_MAX;
  while (isAcceptancePending(dataDir)) {
    if (performance.now() >= endMs) {
      cancelAcceptance(dataDir);
      throw new OperatorError(`no server has answered in ${dataDir}: is one running with this DATA_DIR?`);
    }
    await delay(POLL_MS);
  }
  await printLines([`the server follows the clock: ${formatTime(nowMs)}`]);
}
