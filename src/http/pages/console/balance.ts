/** `/console/balance`: whether all balances add up to 0. */
import { z } from "@hono/zod-openapi";
import type { TrialBalance } from "../../../gateway/ports.ts";
import { note, section, table } from "../base/blocks.ts";
import { amountText, assetName, badge, count, mono } from "../base/format.ts";
import { filters } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { knownPartner, partnerField } from "./partner-choice.ts";

const BalanceQuery = z.strictObject({ partner: z.string().optional() });

export function addBalancePage(pages: PageRoutes, { ledger, directory }: ConsoleDeps): void {
  pages.page({ path: "/console/balance", query: BalanceQuery }, async ({ query: { partner = "" } }) => {
    const { assets, positions } = await ledger.trialBalance(
      partner === "" ? undefined : knownPartner(directory, partner),
    );
    const rows = Object.entries(assets);
    const isBalanced = rows.every(([, { sum, inTransit }]) => sum + inTransit === 0n);
    const verdict = isBalanced
      ? note("good", "The books balance: every asset adds up to 0.")
      : note("bad", "The books do not balance. Call for help before anything else is changed.");
    return {
      title: "Trial balance",
      body: html`${filters("/console/balance", partnerField(directory, partner, "All partners"))}
${verdict}
${table<readonly [string, TrialBalance["assets"][string]]>({
  caption: "Sums by asset",
  rows,
  empty: "There are no accounts yet.",
  columns: [
    { label: "Asset", isHead: true, cell: ([asset]) => assetName(asset) },
    { label: "Accounts", isNumber: true, cell: ([, { accounts }]) => count(accounts) },
    { label: "Sum of balances", isNumber: true, cell: ([asset, { sum }]) => amountText(sum, asset) },
    {
      label: "In transit between shards",
      isNumber: true,
      cell: ([asset, { inTransit }]) => amountText(inTransit, asset),
    },
    {
      label: "Together",
      cell: ([, { sum, inTransit }]) => (sum + inTransit === 0n ? badge("0", "good") : badge("not 0", "bad")),
    },
  ],
})}
${section("Read at", html`<p>${positions.map((position) => html`${mono(position)} `)}</p>`)}`,
    };
  });
}
