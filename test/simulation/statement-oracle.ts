/** Compares the archive's answers at rest with the logs: statements, sums, transfers, and accounts. */
import { viewOf } from "../../src/actors/ledger/account.ts";
import { ArchiveError } from "../../src/archive/archive-error.ts";
import type { Entry } from "../../src/archive/queries/query.ts";
import type { ArchiveAnswers } from "../../src/archive/queries/transfer-reader.ts";
import type { Random } from "../support/random.ts";
import type { Replayed } from "./log-oracles.ts";
import type { Oracle } from "./sim-context.ts";
import type { SimRealArchive } from "./sim-real-archive.ts";

type Fail = (oracle: Oracle, message: string) => void;
type ExpectedAccount = Readonly<{ partner: string; id: string; posted: number; seq: number }>;

const CREATING: ReadonlySet<string> = new Set(["transfer", "compound_transfer", "revert_transfer"]);

/** Statements add up to balances entry by entry, and every transfer is listed exactly once. */
export function checkStatements(
  logs: readonly Replayed[],
  answers: ArchiveAnswers,
  partners: readonly string[],
  random: Random,
  fail: Fail,
): void {
  const atMs = Math.max(...logs.map(({ timeMs }) => timeMs));
  for (const partner of partners) {
    for (const { ledger, posted: history } of logs)
      for (const account of ledger.compound.bookOf(partner).accounts.values()) {
        const { id, posted, seq } = account;
        checkAccount({ partner, id, posted, seq }, answers, random, history, fail);
        const shown = JSON.stringify(answers.accountAt({ partner, account: id, atMs }));
        const expected = JSON.stringify(viewOf(account));
        if (shown !== expected)
          fail("statements add up", `${partner} ${id} is archived as ${shown}, and is ${expected}`);
      }
    for (const [id, posted] of systemBalances(logs, partner)) {
      const entries = allEntries(answers, { partner, account: id }, random);
      const sum = sumOf(entries);
      if (sum !== posted)
        fail("statements add up", `entries of ${partner} ${id} come to ${sum}, its slices to ${posted}`);
    }
    checkTransfers(logs, answers, partner, random, fail);
  }
}

/** Damages one bit of the archive: the first reader must notice it, and no wrong data may be shown. */
export function checkDamagedArchive(
  archive: SimRealArchive,
  logs: readonly Replayed[],
  partners: readonly string[],
  random: Random,
  fail: Fail,
): void {
  let isNoticed = false;
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      isNoticed = true;
    }
  };
  attempt(() => {
    if (!archive.damage()) isNoticed = true;
  });
  attempt(() => archive.indexAll());
  // Queries wait for the index, so damage that stops indexing cannot be shown.
  if (isNoticed) return;
  attempt(() => checkStatements(logs, archive.answers, partners, random, fail));
  for (const { records } of logs)
    for (const { at } of records) attempt(() => void archive.answers.records([at]));
  // Scrubbing finds damage that no query reads.
  attempt(() => {
    isNoticed ||= archive.scrub();
  });
  if (!isNoticed) fail("damage is noticed", "a batch of the archive was damaged, and no reader noticed");
}

function checkAccount(
  { partner, id, posted, seq }: ExpectedAccount,
  answers: ArchiveAnswers,
  random: Random,
  history: Replayed["posted"],
  fail: Fail,
): void {
  const entries = allEntries(answers, { partner, account: id, seq }, random);
  const name = `${partner} ${id}`;
  const sum = sumOf(entries);
  if (sum !== BigInt(posted) || entries.length !== seq)
    fail(
      "statements add up",
      `${entries.length} entries of ${name} come to ${sum}; it has ${posted} after ${seq}`,
    );
  const { closingBalance, openingBalance } = answers.entries({ partner, account: id, seq, limit: 1 });
  if (closingBalance !== posted || openingBalance !== 0)
    fail(
      "statements add up",
      `${name} has ${posted}, its statement goes from ${openingBalance} to ${closingBalance}`,
    );
  for (const [i, entry] of entries.entries()) {
    const actual = history.get(name)?.get(entry.seq);
    const before = entries[i + 1]?.balanceAfter ?? 0;
    if (
      entry.seq !== seq - i ||
      entry.balanceAfter !== actual ||
      before + entry.amount !== entry.balanceAfter
    )
      fail(
        "statements add up",
        `${name} had ${actual} after ${entry.seq}; archived is ${JSON.stringify(entry)}`,
      );
  }
  const upTo = random.below(seq + 1);
  const archived = answers.sum({ partner, account: id, seq: upTo });
  const expected = upTo === 0 ? 0 : history.get(name)?.get(upTo);
  if (archived.count !== upTo || archived.sum !== expected)
    fail(
      "statements add up",
      `${name} had ${expected} after ${upTo}; the sum is ${JSON.stringify(archived)}`,
    );
}

function checkTransfers(
  logs: readonly Replayed[],
  answers: ArchiveAnswers,
  partner: string,
  random: Random,
  fail: Fail,
): void {
  const made = new Set<string>();
  for (const { records } of logs)
    for (const { command, outcome } of records)
      if (command.partner === partner && outcome.ok && "id" in outcome && CREATING.has(command.op))
        made.add(outcome.id);
  const listed = new Set<string>();
  for (let cursor: string | undefined, isOver = false; !isOver; ) {
    const page = answers.transfers({ partner, limit: 1 + random.below(60), cursor });
    for (const { id } of page.data) {
      if (listed.has(id)) fail("statements add up", `${id} of ${partner} is listed twice`);
      if (!made.has(id)) fail("statements add up", `${id} of ${partner} is listed, and was never made`);
      listed.add(id);
    }
    isOver = page.nextCursor === null;
    cursor = page.nextCursor ?? undefined;
  }
  for (const id of made)
    if (!listed.has(id)) fail("statements add up", `${id} of ${partner} was made, and is not listed`);
}

/** All entries, newest first, over pages of random sizes. Like a gateway, it passes an account's newest seq. */
function allEntries(
  answers: ArchiveAnswers,
  query: Readonly<{ partner: string; account: string; seq?: number }>,
  random: Random,
): readonly Entry[] {
  const entries: Entry[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = answers.entries({ ...query, limit: 1 + random.below(60), cursor });
    entries.push(...page.data);
    if (page.nextCursor === null) return entries;
    cursor = page.nextCursor;
  }
}

/** A bigint, because intermediate sums may exceed safe integers. */
function sumOf(entries: readonly Entry[]): bigint {
  return entries.reduce((total, { amount }) => total + BigInt(amount), 0n);
}

function systemBalances(logs: readonly Replayed[], partner: string): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { ledger } of logs)
    for (const [id, , , { posted }] of ledger.compound.bookOf(partner).slices())
      sums.set(id, (sums.get(id) ?? 0n) + BigInt(posted));
  return sums;
}
