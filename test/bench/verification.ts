/** Checks over the API, after a load, that every answered transfer is there, and that the books balance. */
import { inParallel, portionsOf } from "../support/client.ts";
import type { Answered } from "./arms.ts";
import { accountId, type Daybook } from "./daybook.ts";

const IDS_PER_CALL = 100;

type SystemAccount = Readonly<{ balances: Readonly<Record<string, { posted: number }>> }>;
type Accounts = Readonly<{ data: readonly { posted: number }[]; missing: readonly string[] }>;

/** @throws Error if the books do not balance, or lack an item that was answered with 201. */
export async function verifyBooks(daybook: Daybook, accounts: number, answered: Answered): Promise<void> {
  await daybook.check();
  const { posted, issued } = await settledSums(daybook, accounts);
  const { items, unanswered } = answered;
  const counted = `${posted} points in accounts, ${items} items answered, up to ${unanswered} cut off unanswered`;
  if (issued !== posted) throw new Error(`issued is not what arrived: ${counted}`);
  if (posted < items || posted > items + unanswered) throw new Error(`items are lost or doubled: ${counted}`);
}

/**
 * The points in all accounts and those that were issued, one per accepted item. The server may still execute requests
 * whose client has gone, so both are read again until nothing is issued in between.
 */
async function settledSums(
  daybook: Daybook,
  accounts: number,
): Promise<Readonly<{ posted: number; issued: number }>> {
  for (let before = await pointsIssued(daybook); ; ) {
    const posted = await pointsIn(daybook, accounts);
    const issued = await pointsIssued(daybook);
    if (issued === before) return { posted, issued };
    before = issued;
  }
}

async function pointsIssued(daybook: Daybook): Promise<number> {
  const { balances } = await daybook.partner<SystemAccount>("GET", "/v1/accounts/@issuance");
  return -(balances["PTS/0"]?.posted ?? 0);
}

async function pointsIn(daybook: Daybook, accounts: number): Promise<number> {
  let posted = 0;
  await inParallel(portionsOf([...Array(accounts).keys()], IDS_PER_CALL), async (portion) => {
    const ids = portion.map((i) => encodeURIComponent(accountId(i)));
    const found = await daybook.partner<Accounts>("GET", `/v1/accounts?ids=${ids.join(",")}`);
    if (found.missing.length > 0) throw new Error(`accounts are missing: ${found.missing.join()}`);
    for (const account of found.data) posted += account.posted;
  });
  return posted;
}
