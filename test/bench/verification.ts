/** Checks over the API, after a load, that every answered transfer is there, and that the books balance. */
import { inParallel, portionsOf } from "../support/client.ts";
import type { Answered } from "./arms.ts";
import { accountId, type Daybook } from "./daybook.ts";

const IDS_PER_CALL = 100;

type Accounts = Readonly<{ data: readonly { posted: number }[]; missing: readonly string[] }>;

/** @throws Error if the books do not balance, or lack an item that was answered with 201. */
export async function verifyBooks(daybook: Daybook, accounts: number, answered: Answered): Promise<void> {
  await daybook.check();
  // One point per item: the sum of all balances is the number of accepted items.
  let posted = 0;
  await inParallel(portionsOf([...Array(accounts).keys()], IDS_PER_CALL), async (portion) => {
    const ids = portion.map((i) => encodeURIComponent(accountId(i)));
    const found = await daybook.partner<Accounts>("GET", `/v1/accounts?ids=${ids.join(",")}`);
    if (found.missing.length > 0) throw new Error(`accounts are missing: ${found.missing.join()}`);
    for (const account of found.data) posted += account.posted;
  });
  const issued = await daybook.partner<{ balances: Record<string, { posted: number }> }>(
    "GET",
    "/v1/accounts/@issuance",
  );
  const { items, unanswered } = answered;
  const counted = `${posted} points in accounts, ${items} items answered, up to ${unanswered} cut off unanswered`;
  if (issued.balances["PTS/0"]?.posted !== -posted) throw new Error(`issued is not what arrived: ${counted}`);
  if (posted < items || posted > items + unanswered) throw new Error(`items are lost or doubled: ${counted}`);
}
