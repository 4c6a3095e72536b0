import { setTimeout as sleep } from "node:timers/promises";

/** Stops a process for a time. It may be killed meanwhile. */
export async function haltProcess(pid: number, ms: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await sleep(ms);
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // The server has killed it in the meantime.
  }
}
