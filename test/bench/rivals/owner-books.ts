/** Daybook with two accounts for each owner, and the check that the books of any ledger are what was answered. */
import { inParallel, portionsOf } from "../../support/client.ts";
import type { Answered } from "../arms.ts";
import { Daybook } from "../daybook.ts";
import { FUNDS, pointsOf, savingsOf } from "./owner-transfers.ts";
import type { RivalTotals } from "./rival-ledger.ts";

/** Ids per call: two for each owner. */
const OWNERS_PER_CALL = 50;

type Accounts = Readonly<{ data: readonly { id: string; posted: number }[] }>;

export async function startWithOwners(
  folder: string,
  owners: number,
  shards: number | undefined,
): Promise<Daybook> {
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await daybook.createAccounts(2 * owners, (i) => (i < owners ? pointsOf(i) : savingsOf(i - owners)));
  const ids = Array.from({ length: owners }, (_, i) => pointsOf(i));
  await daybook.fund(ids, FUNDS);
  return daybook;
}

export async function totalsOf(daybook: Daybook, owners: number): Promise<RivalTotals> {
  let points = 0;
  let savings = 0;
  await inParallel(portionsOf([...Array(owners).keys()], OWNERS_PER_CALL), async (portion) => {
    const ids = portion.flatMap((owner) => [pointsOf(owner), savingsOf(owner)]).map(encodeURIComponent);
    const { data } = await daybook.partner<Accounts>("GET", `/v1/accounts?ids=${ids.join(",")}`);
    for (const { id, posted } of data) {
      if (id.endsWith("/savings")) savings += posted;
      else points += posted;
    }
  });
  return { points, savings, recorded: null };
}

/** @throws Error if the books differ from the answers: each item moves one point from points to savings. */
export function verifyTotals(
  { points, savings, recorded }: RivalTotals,
  owners: number,
  answered: Answered,
): void {
  const { items, unanswered } = answered;
  const spent = owners * FUNDS - points;
  const counted =
    `${spent} points spent, ${savings} received, ${recorded ?? "no"} transfers on record, ` +
    `${items} items answered, up to ${unanswered} cut off unanswered`;
  if (spent !== savings || (recorded !== null && recorded !== savings))
    throw new Error(`the books do not balance: ${counted}`);
  if (savings < items || savings > items + unanswered)
    throw new Error(`items are lost or doubled: ${counted}`);
}
