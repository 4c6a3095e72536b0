/** `/v1/trial-balance`: checks that all balances add up to 0. */
import { z } from "@hono/zod-openapi";
import type { Ledger, TrialBalance } from "../../../gateway/ports.ts";
import { jsonAnswer } from "../../call.ts";
import type { Routes } from "../../routes.ts";

const TrialBalanceSchema = z
  .object({
    balanced: z.boolean(),
    assets: z.record(z.string(), z.object({ sum: z.int(), in_transit: z.int(), accounts: z.int() })),
    positions: z.array(z.string()),
  })
  .openapi("TrialBalance", {
    example: {
      balanced: true,
      assets: { "PTS/0": { sum: 0, in_transit: 0, accounts: 2 } },
      positions: ["0:1-17"],
    },
  });

/** Sums are bigints, written digit by digit: as numbers they would be rounded. */
export function trialBalanceJson({ assets, positions }: TrialBalance): string {
  let balanced = true;
  const rows: string[] = [];
  for (const [asset, { sum, inTransit, accounts }] of Object.entries(assets)) {
    if (sum + inTransit !== 0n) balanced = false;
    rows.push(`${JSON.stringify(asset)}:{"sum":${sum},"in_transit":${inTransit},"accounts":${accounts}}`);
  }
  return `{"balanced":${balanced},"assets":{${rows.join(",")}},"positions":${JSON.stringify(positions)}}`;
}

export function addTrialBalance(routes: Routes, { ledger }: Readonly<{ ledger: Ledger }>): void {
  routes.add(
    {
      method: "get",
      path: "/v1/trial-balance",
      access: "books",
      group: "trial balance",
      summary: "Get the sum of all balances and of amounts in transit, by asset; together they are 0",
      description: "With a partner's key: of this partner. With the operator's key: of all partners.",
      answer: { status: 200, description: "The sums.", content: { "application/json": TrialBalanceSchema } },
    },
    async (_, call) => {
      const balance = await ledger.trialBalance(call.partner === "" ? undefined : call.partner);
      return jsonAnswer(call, 200, trialBalanceJson(balance));
    },
  );
}
