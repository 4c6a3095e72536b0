/** I1, I3, I5, I8, I11: shards crash at the steps of transfers over three shards, with threads and with processes. */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import type { Failpoint } from "../../src/workers/shard/failpoint.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { isRepeat, PartnerBooks } from "../support/partner-books.ts";
import {
  type Answer,
  operator,
  type ServerProcess,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const SHARDS = 3;
const AMOUNT = 60;
/** Servers in parallel: they mostly wait for the disk, or before a restart of a shard. */
const AT_ONCE = 3;

type Point = Failpoint["point"];

/** Steps of the home shard and of another shard; in each server one pair of them crashes. */
const HOME: readonly Point[] = [
  "before_ask_legs",
  "after_ask_legs",
  "before_commit",
  "after_commit",
  "before_release",
  "before_expire",
];
const ELSEWHERE: readonly Point[] = ["before_reserve", "after_reserve", "before_released", "after_released"];
/** Steps that cross-shard transfers of one posting have, too. */
const HOME_TOO: readonly Point[] = [
  "before_send",
  "after_send",
  "before_settle",
  "after_settle",
  "before_forget",
];
const ELSEWHERE_TOO: readonly Point[] = [
  "before_credit",
  "after_credit",
  "before_acknowledge",
  "after_acknowledge",
];
/** Steps that occur only once in this scenario. */
const ONCE: ReadonlySet<Point> = new Set([
  "before_release",
  "before_released",
  "after_released",
  "before_expire",
]);

/** With this set, each pair of steps in each mode, at the first pass and at a later one. */
const ALL = process.env["ALL_POINTS"] === "true";

type Case = Readonly<{ home: Point; elsewhere: Point; later: number }>;

function casesOf(isolation: Isolation): readonly Case[] {
  if (ALL) {
    const all = [...HOME, ...HOME_TOO].flatMap((home) =>
      [...ELSEWHERE, ...ELSEWHERE_TOO].map((elsewhere) => ({ home, elsewhere })),
    );
    return all.flatMap((points) => [1, 3].map((later) => ({ ...points, later })));
  }
  const cases = HOME.map((home, i) => {
    return { home, elsewhere: ELSEWHERE[i % ELSEWHERE.length] as Point, later: i % 2 === 0 ? 1 : 3 };
  });
  // A shard crashes in the same way in a process: half of the cases suffice there.
  return isolation === "threads" ? cases : cases.filter((_, i) => i % 2 === 1);
}

function groupsOf(isolation: Isolation) {
  const cases = casesOf(isolation);
  return Array.from({ length: Math.ceil(cases.length / AT_ONCE) }, (_, group) => {
    const there = cases.slice(group * AT_ONCE, (group + 1) * AT_ONCE);
    return { there, names: there.map(({ home, elsewhere }) => `${home} and ${elsewhere}`).join(", ") };
  });
}

function armed(shard: number, point: Point, later: number): string {
  return `${shard}:${point}@${ONCE.has(point) ? 1 : later}`;
}

type Accounts = Readonly<{ debits: readonly string[]; credits: readonly string[]; poor: string }>;

/** Enough money for three transfers, but not if an abandoned attempt kept its reservation. */
async function openAccounts(books: PartnerBooks): Promise<Accounts> {
  const debits: string[] = [];
  const credits: string[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    debits.push(await books.funded(shard, 3 * AMOUNT));
    credits.push(await books.account(shard, { ceiling: 3 * AMOUNT }));
  }
  return { debits, credits, poor: await books.account(SHARDS - 1) };
}

/** One caller, who retries with the same key until there is an answer. */
class Caller {
  readonly #books: PartnerBooks;
  readonly #told: Readonly<{ key: string; path: string; body: unknown; answer: Answer }>[] = [];

  constructor(books: PartnerBooks) {
    this.#books = books;
  }

  async insist(key: string, path: string, body?: unknown): Promise<Answer> {
    let answer: Answer | undefined;
    await until(
      `${key} is answered`,
      async () => {
        answer = await this.#books.client.send("POST", path, body, { "Idempotency-Key": key });
        return answer.status !== 503;
      },
      30_000,
    );
    if (answer === undefined) throw new Error("it was answered");
    this.#told.push({ key, path, body, answer });
    return answer;
  }

  /** Retries everything: each answer must be the first one. */
  async checkAnswers(): Promise<void> {
    for (const { key, path, body, answer } of this.#told) {
      const again = await this.#books.client.send("POST", path, body, { "Idempotency-Key": key });
      expect([key, again.text, again.status]).toEqual([key, answer.text, answer.status]);
      expect(isRepeat(again), `${key} is a repeat`).toBe(true);
    }
  }
}

function parsed(answer: Answer): { id: string; status: string | number; code?: string } {
  return JSON.parse(answer.text) as ReturnType<typeof parsed>;
}

/** A transfer, a rejected one, a pending one that is posted, one that expires, and one of the whole remaining balance. */
async function runScenario(
  books: PartnerBooks,
  caller: Caller,
  accounts: Accounts,
): Promise<readonly string[]> {
  const { debits, credits, poor } = accounts;
  const transfers = "/v1/transfers";
  const postings = debits.map((debit_account, shard) => {
    return { debit_account, credit_account: credits[(shard + 1) % SHARDS], amount: AMOUNT };
  });
  const tooMuch = postings.map((each, shard) => (shard === 2 ? { ...each, debit_account: poor } : each));
  const posted = parsed(await caller.insist("posted", transfers, { postings }));
  const refused = parsed(await caller.insist("refused", transfers, { postings: tooMuch }));
  const pending = parsed(await caller.insist("pending", transfers, { postings, pending: true }));
  const whole = parsed(await caller.insist("post", `${transfers}/${pending.id}/post`));
  const short = parsed(await caller.insist("short", transfers, { postings, pending: true, timeout_s: 1 }));
  await until("it has expired", async () => {
    const { status } = await books.client.get<{ status: string }>(`${transfers}/${short.id}`);
    return status === "expired";
  });
  const expired = parsed(await caller.insist("void", `${transfers}/${short.id}/void`));
  const last = parsed(await caller.insist("last", transfers, { postings }));
  const said = [posted, refused, pending, whole, short, expired, last].map(
    ({ code, status }) => code ?? status,
  );
  expect(said).toEqual([
    "posted",
    "insufficient_funds",
    "pending",
    "posted",
    "pending",
    "transfer_expired",
    "posted",
  ]);
  return [posted.id, pending.id, short.id, last.id];
}

async function checkBooks(books: PartnerBooks, { debits, credits, poor }: Accounts): Promise<void> {
  const { client } = books;
  for (const [ids, posted, count] of [
    [debits, 0, 4],
    [credits, 3 * AMOUNT, 3],
    [[poor], 0, 0],
  ] as const) {
    for (const id of ids) {
      expect(await client.get(`/v1/accounts/${id}`)).toMatchObject({ posted, held: 0, seq: count });
      expect(await client.get(`/v1/accounts/${id}/reconciliation`)).toMatchObject({
        balance: posted,
        entries_count: count,
        reconciled: true,
      });
    }
  }
  expect(await client.get("/v1/trial-balance")).toMatchObject({
    balanced: true,
    assets: { "PTS/0": { sum: 0, in_transit: 0 } },
  });
}

async function expectNothingReserved(server: ServerProcess): Promise<void> {
  const admin = operator(server);
  await until("nothing is pending or reserved", async () => {
    const { text } = await admin.send("GET", "/metrics");
    const kept = [...text.matchAll(/^daybook_(?:pending_transfers|reservations)\{.*\} (\d+)$/gm)];
    return kept.length === 2 * SHARDS && kept.every(([, count]) => count === "0");
  });
  admin.close();
}

async function checkCrashOfBoth({ home, elsewhere, later }: Case, isolation: Isolation): Promise<void> {
  const server = await testServer({
    DATA_DIR: testFolder(),
    WAL_URL: (await testRedis()).url,
    SHARDS: String(SHARDS),
    ISOLATION: isolation,
    FAILPOINTS: [armed(0, home, later), armed(1, elsewhere, later)].join(","),
  });
  const books = await PartnerBooks.open(server.url, SHARDS, "acme");
  const accounts = await openAccounts(books);
  const caller = new Caller(books);
  const ids = await runScenario(books, caller, accounts);
  const admin = operator(server);
  await until(`shard 0 has crashed at ${home}, shard 1 at ${elsewhere}, and all serve again`, async () => {
    const shards = await shardsOf(admin);
    return shards.every(({ status, restarts }, i) => status === "ready" && restarts === (i < 2 ? 1 : 0));
  });
  admin.close();
  await expectNothingReserved(server);
  await caller.checkAnswers();
  await checkBooks(books, accounts);
  const { data } = await books.client.get<{ data: { id: string; postings: unknown[] }[] }>(
    "/v1/transfers?limit=100",
  );
  const whole = data.filter(({ postings }) => postings.length === SHARDS).map(({ id }) => id);
  expect(whole.toSorted()).toEqual(ids.toSorted());
  books.client.close();
  await server.kill();
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test.each(groupsOf(isolation))(
    "shards crash at $names: transfers are atomic, answers agree, and no reservation is left",
    async ({ there }) => {
      await Promise.all(there.map((each) => checkCrashOfBoth(each, isolation)));
    },
  );
});
