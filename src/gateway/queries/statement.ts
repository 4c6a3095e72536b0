/** Reads a page of an account's entries, with the balances around its time range. */
import { textsOf } from "../../actors/records/transfer-details.ts";
import type { ArchiveQueries, BatchPosition, Statement } from "../../archive/queries/query.ts";
import { rowBytes } from "../../bounds/page-bytes.ts";
import { assert } from "../../errors/assert.ts";
import type { Caller } from "../caller.ts";
import { fullPage } from "./full-page.ts";

type EntriesQuery = Omit<Parameters<ArchiveQueries["entries"]>[0], "skipsBalances">;

/** @param after what the archive must hold. @throws CallerGone */
export async function statementOf(
  archive: Pick<ArchiveQueries, "entries">,
  query: EntriesQuery,
  after: readonly BatchPosition[],
  caller: Caller | undefined,
): Promise<Statement> {
  let first: Statement | undefined;
  const page = await fullPage(
    query,
    async (range) => {
      const part = await archive.entries({ ...query, ...range, skipsBalances: first !== undefined }, after);
      first ??= part;
      return part;
    },
    { isShown: () => true, bytesOf: (entry) => rowBytes(textsOf(entry)), caller },
  );
  assert(first !== undefined, "a page fetches at least once");
  const { openingBalance, closingBalance } = first;
  return { ...page, openingBalance, closingBalance };
}
