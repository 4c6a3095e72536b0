/** The movements of a wallet as a list that fits on a phone. */
import type { Entry } from "../../../archive/queries/query.ts";
import { walletOf } from "../../programmes/wallet/fields.ts";
import { typeOf } from "../../programmes/wallet/wallet.ts";
import { emptyNote } from "../base/blocks.ts";
import { amountText, money, shortId, time } from "../base/format.ts";
import { type Html, html } from "../base/html.ts";

const TITLES = {
  deposit: "Deposit",
  withdrawal: "Withdrawal",
  return: "Deposit returned",
  correction: "Correction",
} as const;
const BANK = /^@bank:(.*)$/;

/** @param asset of the wallet. */
export function movements(entries: readonly Entry[], asset: string): Html {
  if (entries.length === 0) return emptyNote("Nothing yet. Money that you receive or send appears here.");
  return html`<ul class="rows">${entries.map((entry) => movement(entry, asset))}</ul>`;
}

function movement(entry: Entry, asset: string): Html {
  const { amount, balanceAfter, memo, timeMs, counterparty } = entry;
  const type = typeOf(entry);
  const title = type === "transfer" ? (amount > 0 ? "Received" : "Sent") : TITLES[type];
  const tone = amount > 0 && html` class="credit"`;
  return html`<li><div><strong>${title}</strong>${memo !== null && memo !== "" && html` <span class="memo">${memo}</span>`}
<p class="muted">${otherSide(counterparty, amount)} · ${time(timeMs)}</p></div>
<div class="right"><strong${tone}>${amountText(amount, asset, "always")}</strong>
<p class="muted"><span class="visually-hidden">Balance after it: </span>${money(balanceAfter, asset)}</p></div></li>`;
}

function otherSide(counterparty: string, amount: number): Html {
  const name = BANK.exec(counterparty)?.[1] ?? walletOf(counterparty);
  return html`${amount > 0 ? "from" : "to"} ${shortId(name)}`;
}
