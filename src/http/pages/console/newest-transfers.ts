/** The newest transfers of all partners together. */
import type { TransferRow } from "../../../gateway/ports.ts";
import { table } from "../base/blocks.ts";
import { badge, money, pathOf, time } from "../base/format.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { ConsoleDeps } from "./area.ts";

/** A transfer, its partner, and the asset of its accounts. */
export type ShownTransfer = TransferRow & Readonly<{ partner: string; asset: string }>;

const SHOWN = 8;
/** Partners that are asked. More would make the overview slow. */
const PARTNERS_MAX = 20;
/** Younger answers are shown again. */
const KEPT_MS = 2_000;

/** Reads them at most every two seconds, for all who watch together. */
export function newestTransfers(deps: ConsoleDeps): () => Promise<readonly ShownTransfer[]> {
  let newest: Promise<readonly ShownTransfer[]> | undefined;
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = deps.clock.elapsedMs();
    if (newest === undefined || nowMs - readMs >= KEPT_MS) {
      readMs = nowMs;
      newest = readNewest(deps);
      newest.catch(() => (newest = undefined));
    }
    return newest;
  };
}

async function readNewest(deps: ConsoleDeps): Promise<readonly ShownTransfer[]> {
  const partners = deps.directory.partners().slice(0, PARTNERS_MAX);
  const pages = await Promise.all(
    partners.map(async ({ id }) => {
      const { data } = await deps.ledger.transfers(id, { limit: SHOWN });
      return data.map((row) => ({ ...row, partner: id }));
    }),
  );
  const rows = pages.flat().toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  return withAssets(deps, rows.slice(0, SHOWN));
}

/** A transfer has no asset of its own: it is that of its accounts. */
export async function withAssets<T extends TransferRow & Readonly<{ partner: string }>>(
  { ledger }: Pick<ConsoleDeps, "ledger">,
  rows: readonly T[],
): Promise<readonly (T & Readonly<{ asset: string }>)[]> {
  const wanted = new Map<string, Set<string>>();
  for (const { partner, postings } of rows) {
    const account = postings
      .flatMap(({ debit, credit }) => [debit, credit])
      .find((id) => !id.startsWith("@"));
    if (account === undefined) continue;
    const known = wanted.get(partner) ?? new Set();
    wanted.set(partner, known.add(account));
  }
  const assets = new Map<string, string>();
  await Promise.all(
    [...wanted].map(async ([partner, ids]) => {
      const { accounts } = await ledger.accounts(partner, [...ids]);
      for (const { id, asset } of accounts) assets.set(`${partner} ${id}`, asset);
    }),
  );
  return rows.map((row) => {
    const found = row.postings
      .flatMap(({ debit, credit }) => [debit, credit])
      .map((id) => assets.get(`${row.partner} ${id}`))
      .find((asset) => asset !== undefined);
    return { ...row, asset: found ?? "" };
  });
}

export function transferTable(rows: readonly ShownTransfer[], empty: string, showsPartner = true): Html {
  return table<ShownTransfer>({
    caption: "Transfers",
    rows,
    empty,
    columns: [
      { label: "Transfer", isHead: true, cell: (row) => transferLink(row.partner, row.id) },
      ...(showsPartner
        ? [{ label: "Partner", cell: ({ partner }: ShownTransfer) => partnerLink(partner) }]
        : []),
      { label: "From", cell: (row) => sideOf(row, "debit") },
      { label: "To", cell: (row) => sideOf(row, "credit") },
      { label: "Amount", isNumber: true, cell: (row) => money(amountOf(row), row.asset) },
      { label: "State", cell: transferState },
      { label: "Created", cell: ({ createdAtMs }) => time(createdAtMs) },
    ],
  });
}

function amountOf({ postings }: TransferRow): number {
  return postings.reduce((sum, { amount }) => sum + amount, 0);
}

/** The account of the first posting, and how many more there are. */
function sideOf({ partner, postings }: ShownTransfer, side: "debit" | "credit"): Fragment {
  const [first] = postings;
  if (first === undefined) return undefined;
  const more = postings.length > 1 && html` <span class="muted">and ${postings.length - 1} more</span>`;
  return html`${accountLink(partner, first[side])}${more}`;
}

export function transferState({ status, revertedBy }: TransferRow): Fragment {
  if (revertedBy !== null) return badge("reverted", "warn");
  return badge(status, status === "posted" ? "good" : "plain");
}

export function transferLink(partner: string, id: string): Html {
  return html`<a class="mono" href="${pathOf("console", "transfers", partner, id)}">${id}</a>`;
}

export function accountLink(partner: string, id: string): Html {
  return html`<a href="${pathOf("console", "accounts", partner, id)}">${id}</a>`;
}

export function partnerLink(id: string): Html {
  return html`<a href="${pathOf("console", "partners", id)}">${id}</a>`;
}
