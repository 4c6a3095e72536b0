/**
 * What the programmes have done, from the logs alone: each oracle keeps a model of its own, and at rest the state of the
 * replayed ledgers must say the same.
 */
import type { Replayed } from "../log-oracles.ts";
import type { Oracle } from "../sim-context.ts";
import { checkLoyalty } from "./loyalty-oracle.ts";
import type { Fail } from "./programme-records.ts";
import { checkSegments } from "./segment-oracle.ts";
import { checkTopup } from "./topup-oracle.ts";
import { checkVouchers } from "./voucher-oracle.ts";
import { checkWallets } from "./wallet-oracle.ts";

export function checkProgrammes(
  logs: readonly Replayed[],
  fail: (oracle: Oracle, message: string) => void,
  count: (what: string) => void,
): void {
  for (const { records } of logs)
    for (const { command, outcome } of records)
      if ("act" in command && command.act !== undefined && outcome.ok)
        count(`${command.act.programme} ${command.act.act}`);
  const say: Fail = (problem) => fail("programmes add up", problem);
  checkLoyalty(logs, say);
  checkVouchers(logs, say);
  checkTopup(logs, say);
  checkWallets(logs, say);
  checkSegments(logs, say);
}
