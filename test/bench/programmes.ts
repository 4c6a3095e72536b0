/** What a programme's rules cost: an accrual and a redemption beside a plain transfer of the same points. */
import { join } from "node:path";
import { type Arm, compare } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { connectionsOf } from "./ceilings.ts";
import { accountId, Daybook } from "./daybook.ts";
import { writeBodies } from "./load.ts";
import { FUNDS } from "./owner-transfers.ts";

const BODIES = 5_000;
/** A prime, so that neighbours have no account in common. */
const STRIDE = 7919;
const MEMBERS = "/v1/loyalty/members";

export async function measureProgrammes(bench: BenchContext): Promise<void> {
  for (const connections of connectionsOf(bench.options)) {
    for (const act of ["accrual", "redemption"] as const) {
      if (bench.wants(`${act}.${connections}`)) await measurePoints(bench, act, connections);
    }
  }
}

async function measurePoints(
  bench: BenchContext,
  act: "accrual" | "redemption",
  connections: number,
): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  const ids = Array.from({ length: accounts }, (_, i) => accountId(i));
  await daybook.createAccounts(accounts);
  await daybook.fund(ids, FUNDS);
  await daybook.api.each(accounts, async (i) => {
    const path = `${MEMBERS}/m${i}`;
    await daybook.partner("POST", MEMBERS, { id: `m${i}` });
    await daybook.partner("POST", `${path}/accruals`, { points: FUNDS, description: "Welcome" });
  });
  const chosen = Array.from({ length: BODIES }, (_, i) => (i * STRIDE) % accounts);
  const memo = "Free coffee";
  const paths = chosen.map((i) => `${MEMBERS}/m${i}/${act === "accrual" ? "accruals" : "redemptions"}`);
  const asked = chosen.map(() => JSON.stringify({ points: 1, description: memo }));
  const plain = chosen.map((i) => {
    const [debit_account, credit_account] =
      act === "accrual" ? ["@issuance", ids[i]] : [ids[i], "@redemption"];
    return JSON.stringify({ debit_account, credit_account, amount: 1, memo });
  });
  const arms: [Arm, Arm] = [
    { name: act, daybook, bodies: writeBodies(join(folder, act), asked, paths), path: MEMBERS },
    { name: "plain", daybook, bodies: writeBodies(join(folder, "plain"), plain) },
  ];
  await compare(bench, `${act}.${connections}`, connections, arms);
  await daybook.stop();
}
