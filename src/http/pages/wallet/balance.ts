/** `/wallet`: what the user has, what others ask of them, and the newest movements. */
import { PLATFORM_TENANT, walletAccount } from "../../../actors/programmes/wallet/acts.ts";
import { askPaymentRequests } from "../../../actors/programmes/wallet/questions.ts";
import type { AccountView } from "../../../actors/records/command.ts";
import { notLoggedIn } from "../../programmes/wallet/session.ts";
import { facts, note, section } from "../base/blocks.ts";
import { badge, money, mono } from "../base/format.ts";
import { type Html, html } from "../base/html.ts";
import type { WalletPageDeps, WalletPages } from "./area.ts";
import { movements } from "./movements.ts";
import { requestsToPay } from "./request-list.ts";

const MOVEMENTS_SHOWN = 10;
const REQUESTS_READ = 50;

export function addBalancePage(pages: WalletPages, deps: WalletPageDeps): void {
  const { ledger } = deps;
  pages.page({ path: "/wallet" }, async ({ session }) => {
    const { walletId, asset } = session;
    const id = walletAccount(walletId);
    const [account, statement, requests] = await Promise.all([
      ledger.account(PLATFORM_TENANT, id),
      ledger.entries(PLATFORM_TENANT, id, { limit: MOVEMENTS_SHOWN }),
      ledger.list(PLATFORM_TENANT, askPaymentRequests("payer", walletId), { limit: REQUESTS_READ }),
    ]);
    if (account === undefined || statement === undefined) throw notLoggedIn();
    const pending = requests.data.filter(({ status }) => status === "pending");
    return {
      title: "Balance",
      body: html`${balanceCard(account)}
${pending.length > 0 && section("Asked of you", requestsToPay(pending, asset, deps.random))}
${section("Newest movements", movements(statement.data, asset), html`<a href="/wallet/statement">All</a>`)}
${section("Pay money in", payIn(walletId))}`,
    };
  });
}

function balanceCard({ posted, held, asset, status }: AccountView): Html {
  return html`<div class="card balance-card">
<p class="muted">Available</p>
<p class="balance">${money(posted - held, asset)}</p>
${held > 0 && html`<p class="muted">of ${money(posted, asset)}; ${money(held, asset)} is <a href="/wallet/holds">held</a></p>`}
${status !== "open" && html`<p>${badge(status, "bad")}</p>${note("warn", "This wallet is frozen: it receives money, but sends none.")}`}
<p class="actions"><a class="button" href="/wallet/send">Send</a> <a class="button outline" href="/wallet/requests#ask">Request</a> <a class="button outline" href="/wallet/withdrawals">Withdraw</a></p>
</div>`;
}

function payIn(walletId: string): Html {
  return facts([["Reference for your bank", mono(walletId)]]);
}
