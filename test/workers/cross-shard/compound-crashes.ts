/** One round: a transfer over three shards, retried until answered, while one or two shards crash at chosen points. */

import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { AccountView } from "../../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  Posting,
  TransferChanged,
} from "../../../src/actors/records/compound-command.ts";
import type { ArchivedRecord } from "../../../src/archive/queries/query.ts";
import type { Failpoint } from "../../../src/workers/shard/failpoint.ts";
import type { Random } from "../../support/random.ts";
import { account, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { type Asked, CrashingShards, type Figures } from "./crashing-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

export const SHAPES = [
  "posted",
  "refused",
  "pending, then posted",
  "pending, then voided",
  "pending until it expires",
  "reverted",
] as const;
export type Shape = (typeof SHAPES)[number];

const SHARDS = 3;
const FUNDS = 100;
/** More than half of the money and of the room, so that a leftover reservation would be in the way. */
const AMOUNT = 60;
const FEE = 5;
const FEE_SHARD = 1;
const TIMEOUT_MS = 3_600_000;

const DEBITS: readonly string[] = Array.from(
  { length: SHARDS },
  (_, shard) => idsOn(shard, SHARDS, 1)[0] as string,
);
const CREDITS = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 2)[1] as string);
/** Accounts without money or room. */
const BARREN = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 3)[2] as string);
const ACCOUNTS = [...DEBITS, ...CREDITS, ...BARREN];

export type RoundOptions = Readonly<{
  random: Random;
  shape: Shape;
  /** Whether the failpoints are armed only when the transfer is pending. */
  isLate: boolean;
  failpoints: readonly Failpoint[];
}>;

export type Round = Readonly<{
  shape: Shape;
  asked: readonly Asked[];
  deaths: readonly string[];
  logs: readonly (readonly ArchivedRecord[])[];
  /** The expected result of each command, by key: accepted, or a rejection. */
  expected: Readonly<Record<string, string>>;
  /** The expected balance of each account. */
  balances: Readonly<Record<string, number>>;
  views: readonly AccountView[];
  figures: readonly Figures[];
  trial: Awaited<ReturnType<CrashingShards["gateway"]["trialBalance"]>>;
}>;

/** Every shard has a debit, and a credit unless `thin`. The first shard is the home, also of reverts. */
function postingsOf(shape: Shape, random: Random, victims: readonly number[]): readonly Posting[] {
  const [d0 = "", d1 = "", d2 = ""] = DEBITS;
  const [r0 = "", r1 = "", r2 = ""] = CREDITS;
  const whole = [
    { debit: d0, credit: r1, amount: AMOUNT },
    { debit: d1, credit: r2, amount: AMOUNT },
    { debit: d1, credit: "@fees", amount: FEE },
    { debit: d2, credit: r0, amount: AMOUNT },
  ];
  // In this case the last shard only pins.
  if (shape === "posted" && random.chance(0.3)) return whole.slice(0, 3);
  if (shape !== "refused") return whole;
  // A shard that objects reserves nothing, so it would pass few failpoints.
  const refusing = victims.includes(1) ? 2 : victims.includes(2) ? 1 : 1 + random.below(2);
  const [side, accounts] = random.chance(0.5) ? (["debit", DEBITS] as const) : (["credit", CREDITS] as const);
  return whole.map((posting) => {
    const isRefused = posting.amount === AMOUNT && posting[side] === accounts[refusing];
    return isRefused ? { ...posting, [side]: BARREN[refusing] as string } : posting;
  });
}

export async function runRound(options: RoundOptions): Promise<Round> {
  const { random, shape, isLate, failpoints } = options;
  const postings = postingsOf(
    shape,
    random,
    failpoints.map(({ shard }) => shard),
  );
  const shards = await CrashingShards.start(random);
  const { gateway } = shards;
  await openAccounts(shards, shape === "reverted" ? 2 : 1);
  const isPending = shape.startsWith("pending");
  const timeoutMs = shape === "pending until it expires" ? TIMEOUT_MS : null;
  const create = () =>
    shards.submitUntilAnswered("create", () =>
      gateway.submit(compound("create", postings, isPending, timeoutMs)),
    );
  const isPreparation = isLate || shape === "reverted";
  if (isPreparation) await create();
  await shards.arm(failpoints);
  const created = await create();
  const id = created.ok ? (created as TransferChanged).id : "";
  const finish = () => finished(shards, shape, id);
  await finish();
  // Retries get the same outcome, also later.
  await shards.settle();
  await create();
  await finish();
  const probe = await probed(shards, shape, postings, id);
  await shards.settle();
  const { accounts: views } = await gateway.accounts("acme", ACCOUNTS);
  const trial = await gateway.trialBalance("acme");
  const figures = shards.figures();
  await shards.end();
  const { asked, deaths, stores } = shards;
  return {
    shape,
    asked,
    deaths,
    logs: stores.map((store, shard) => recordsOf(store, shard)),
    expected: { ...expectedOf(shape, postings), ...probe },
    balances: Object.fromEntries(ACCOUNTS.map((each) => [each, DEBITS.includes(each) ? FUNDS : 0])),
    views,
    figures,
    trial,
  };
}

function expectedOf(shape: Shape, postings: readonly Posting[]): Readonly<Record<string, string>> {
  switch (shape) {
    case "posted":
      return { create: "accepted" };
    case "refused":
      return {
        create: postings.some(({ debit }) => BARREN.includes(debit))
          ? "insufficient_funds"
          : "ceiling_exceeded",
      };
    case "pending, then posted":
      return { create: "accepted", post: "accepted" };
    case "pending, then voided":
      return { create: "accepted", void: "accepted" };
    case "pending until it expires":
      return { create: "accepted", void: "transfer_expired" };
    case "reverted":
      return { create: "accepted", revert: "accepted" };
  }
}

/** Limits each debit account to this multiple of the transfer's debit. */
async function openAccounts(shards: CrashingShards, times: number): Promise<void> {
  const { gateway } = shards;
  for (const [shard, id] of DEBITS.entries()) {
    const maxAmount = times * (shard === FEE_SHARD ? AMOUNT + FEE : AMOUNT);
    const limit = { windowS: 86_400, direction: "debit", maxAmount, maxCount: null } as const;
    await mustPost(gateway, { ...account(id), ceiling: FUNDS, limits: [limit] });
  }
  for (const id of CREDITS) await mustPost(gateway, { ...account(id), ceiling: FUNDS });
  for (const id of BARREN) await mustPost(gateway, { ...account(id), ceiling: 0 });
  for (const id of DEBITS) await mustPost(gateway, transfer("@issuance", id, FUNDS));
}

function asked(key: string) {
  return { partner: "acme", key, fingerprint: 7 } as const;
}

function compound(
  key: string,
  postings: readonly Posting[],
  pending: boolean,
  timeoutMs: number | null,
): CompoundTransfer {
  const { debit, credit } = postings[0] as Posting;
  const vnode = homeVnodeOf("acme", debit, credit, key);
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  return { ...asked(key), op: "compound_transfer", postings, available: false, pending, timeoutMs, ...rest };
}

/** The follow-up command to the transfer. */
async function finished(shards: CrashingShards, shape: Shape, id: string): Promise<void> {
  const { gateway } = shards;
  switch (shape) {
    case "posted":
    case "refused":
      return;
    case "pending, then posted": {
      const command = { op: "post_transfer", id, amount: null, final: false, settled: null } as const;
      await shards.submitUntilAnswered("post", () => gateway.submit({ ...asked("post"), ...command }));
      return;
    }
    case "pending until it expires":
      shards.pass(TIMEOUT_MS);
      await shards.submitUntilAnswered("void", () =>
        gateway.submit({ ...asked("void"), op: "void_transfer", id, settled: null }),
      );
      return;
    case "pending, then voided":
      await shards.submitUntilAnswered("void", () =>
        gateway.submit({ ...asked("void"), op: "void_transfer", id, settled: null }),
      );
      return;
    case "reverted":
      await shards.submitUntilAnswered("revert", () => gateway.revert({ ...asked("revert"), id }));
  }
}

/**
 * Commands that succeed only if nothing is held, pinned or counted against limits by mistake, and commands that must be
 * rejected because everything else is counted. In the end the money is back.
 *
 * @returns the expected results.
 */
async function probed(
  shards: CrashingShards,
  shape: Shape,
  postings: readonly Posting[],
  id: string,
): Promise<Readonly<Record<string, string>>> {
  const { gateway } = shards;
  const expected: Record<string, string> = { back: "accepted" };
  let moved = id;
  if (!isMoved(shape)) {
    const again = await shards.submitUntilAnswered("again", () =>
      gateway.submit(compound("again", allowed(postings), false, null)),
    );
    expected["again"] = "accepted";
    moved = again.ok ? (again as TransferChanged).id : "";
  }
  await shards.submitUntilAnswered("back", () => gateway.revert({ ...asked("back"), id: moved }));
  for (const [no, reverted] of (shape === "reverted" ? [id, moved] : [moved]).entries()) {
    const key = `twice-${no}`;
    expected[key] = "already_reverted";
    await shards.submitUntilAnswered(key, () => gateway.revert({ ...asked(key), id: reverted }));
  }
  for (const debit of new Set(allowed(postings).map((posting) => posting.debit))) {
    const key = `over-the-limit-${debit}`;
    expected[key] = "limit_exceeded";
    await shards.submitUntilAnswered(key, () => gateway.submit(transfer(debit, "@fees", 1, key)));
  }
  // A ceiling can be set only while no credit is pinned.
  for (const account of ACCOUNTS) {
    const key = `ceiling-${account}`;
    expected[key] = "accepted";
    const command = { ...asked(key), op: "update_account", id: account, ceiling: FUNDS } as const;
    await shards.submitUntilAnswered(key, () => gateway.submit(command));
  }
  return expected;
}

function isMoved(shape: Shape): boolean {
  return shape === "posted" || shape === "pending, then posted";
}

/** The same with accounts that do not object. */
function allowed(postings: readonly Posting[]): readonly Posting[] {
  return postings.map(({ debit, credit, amount }) => {
    return { debit: willing(debit, DEBITS), credit: willing(credit, CREDITS), amount };
  });
}

function willing(id: string, accounts: readonly string[]): string {
  return accounts[BARREN.indexOf(id)] ?? id;
}
