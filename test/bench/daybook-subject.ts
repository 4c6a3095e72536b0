/** Daybook on Redis as a subject, with two accounts per owner. */
import { inParallel, portionsOf } from "../support/client.ts";
import type { Subject } from "./contender.ts";
import { Daybook } from "./daybook.ts";
import { FUNDS, pointsOf, savingsOf } from "./owner-transfers.ts";
import type { RivalTotals } from "./rival-ledger.ts";

/** Ids per call: two for each owner. */
const OWNERS_PER_CALL = 50;

type Accounts = Readonly<{ data: readonly { id: string; posted: number }[] }>;

export async function startDaybookSubject(
  folder: string,
  owners: number,
  shards: number | undefined,
): Promise<Subject> {
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await inParallel(Array(2 * owners).keys(), (i) => {
    const id = i < owners ? pointsOf(i) : savingsOf(i - owners);
    return daybook.partner("POST", "/v1/accounts", { id, asset: "PTS/0" });
  });
  await daybook.fund(
    Array.from({ length: owners }, (_, i) => pointsOf(i)),
    FUNDS,
  );
  const { pid, redisPid } = daybook;
  return {
    address: () => ({ url: daybook.url, token: daybook.token }),
    pids: () => (redisPid === undefined ? [pid] : [pid, redisPid]),
    async settle() {
      await daybook.catchUpMs();
    },
    totals: () => totalsOf(daybook, owners),
    stop: () => daybook.stop(),
  };
}

async function totalsOf(daybook: Daybook, owners: number): Promise<RivalTotals> {
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
