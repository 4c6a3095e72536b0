/**
 * Measures the cost of a programme's rules: an accrual, a redemption and a sale, each compared with a plain transfer of
 * the same amount, and a sale that an operator completes, compared with one that is complete at once.
 */
import { join } from "node:path";
import { Client, inParallel } from "../support/client.ts";
import { type Arm, measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { accountId, Daybook } from "./daybook.ts";
import { type Bodies, writeBodies } from "./loads/load.ts";
import { CONNECTIONS } from "./options.ts";
import { FUNDS } from "./rivals/owner-transfers.ts";

const BODIES = 5_000;
/** A prime, so that adjacent requests have no account in common. */
const STRIDE = 7919;
const MEMBERS = "/v1/loyalty/members";
/** Creating one takes three requests, and a key. */
const SELLERS_MAX = 1_000;
const MEMO = "Free coffee";

export type Act = Readonly<{
  name: string;
  /** Number of members or sellers. */
  parties: (accounts: number) => number;
  prepare: (daybook: Daybook, party: number) => Promise<void>;
  /** The `no`th request, of this party. */
  asked: (party: number, no: number) => readonly [path: string, body: object];
  /** The accounts of the plain transfer that it is compared with. */
  plain: (account: string) => readonly [debit: string, credit: string];
}>;

const points = { points: 1, description: MEMO };
const SALE: Act = {
  name: "sale",
  parties: (accounts) => Math.min(accounts, SELLERS_MAX),
  prepare: makeSeller,
  asked: (party, no) => ["/v1/topups", { seller: `s${party}`, phone: phoneOf(no), amount: 1 }],
  plain: (account) => [account, "@redemption"],
};

export const ACTS: readonly Act[] = [
  {
    name: "accrual",
    parties: (accounts) => accounts,
    prepare: makeMember,
    asked: (party) => [`${MEMBERS}/m${party}/accruals`, points],
    plain: (account) => ["@issuance", account],
  },
  {
    name: "redemption",
    parties: (accounts) => accounts,
    prepare: makeMember,
    asked: (party) => [`${MEMBERS}/m${party}/redemptions`, points],
    plain: (account) => [account, "@redemption"],
  },
  SALE,
];

export async function measureProgrammes(bench: BenchContext): Promise<void> {
  for (const act of ACTS) if (bench.wants(act.name)) await measureAct(bench, act);
  if (bench.wants("operator_sale")) await measureOperator(bench);
}

async function makeMember(daybook: Daybook, party: number): Promise<void> {
  await daybook.partner("POST", MEMBERS, { id: `m${party}` });
  await daybook.partner("POST", `${MEMBERS}/m${party}/accruals`, { points: FUNDS, description: "Welcome" });
}

async function makeSeller(daybook: Daybook, party: number): Promise<void> {
  const seller = `s${party}`;
  const made = { id: seller, name: seller };
  const { api_key } = await daybook.partner<{ api_key: string }>("POST", "/v1/sellers", made);
  const own = new Client(daybook.url, api_key);
  const { id } = await own.ask<{ id: string }>("POST", "/v1/credit-requests", { amount: FUNDS });
  own.close();
  await daybook.partner("POST", `/v1/credit-requests/${id}/approve`);
}

function phoneOf(no: number): string {
  return `0912${1_000_000 + no}`;
}

/** Requests for an act, spread over this many parties. */
export function writeActs(file: string, act: Act, parties: number): Bodies {
  const asked = chosenOf(parties).map(act.asked);
  const bodies = asked.map(([, body]) => JSON.stringify(body));
  return writeBodies(
    file,
    bodies,
    asked.map(([path]) => path),
  );
}

function chosenOf(parties: number): number[] {
  return Array.from({ length: BODIES }, (_, i) => (i * STRIDE) % parties);
}

async function measureAct(bench: BenchContext, act: Act): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  const parties = act.parties(accounts);
  await daybook.createAccounts(parties);
  await daybook.fund(
    Array.from({ length: parties }, (_, i) => accountId(i)),
    FUNDS,
  );
  const plain = chosenOf(parties).map((i) => {
    const [debit_account, credit_account] = act.plain(accountId(i));
    return JSON.stringify({ debit_account, credit_account, amount: 1, memo: MEMO });
  });
  const arms = [
    await armOf(daybook, folder, act, accounts),
    { name: "plain", subject: daybook, bodies: writeBodies(join(folder, "plain"), plain) },
  ] as const;
  await measureLoads(bench, { name: act.name, connections: CONNECTIONS, arms });
  await daybook.stop();
}

/** A sale and the operator's answer are two records. Each kind of sale has a server of its own. */
async function measureOperator(bench: BenchContext): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const begin = async (name: string, operator?: string): Promise<Arm> => {
    const own = join(folder, name);
    const options = { folder: own, backend: "redis", shards } as const;
    const daybook = await Daybook.start({ ...options, ...(operator !== undefined && { operator }) });
    return { ...(await armOf(daybook, own, SALE, accounts)), name };
  };
  const arms = [await begin("operator", "simulated:"), await begin("immediate")] as const;
  await measureLoads(bench, { name: "operator_sale", connections: CONNECTIONS, arms });
  for (const { subject } of arms) await subject.stop();
}

/** Prepares the parties of an act. */
async function armOf(daybook: Daybook, folder: string, act: Act, accounts: number): Promise<Arm> {
  const parties = act.parties(accounts);
  await inParallel(Array(parties).keys(), (i) => act.prepare(daybook, i));
  return { name: act.name, subject: daybook, bodies: writeActs(join(folder, act.name), act, parties) };
}
