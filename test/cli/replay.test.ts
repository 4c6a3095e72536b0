import { join } from "node:path";
import { expect, test } from "vitest";
import { PartnerBooks } from "../support/partner-books.ts";
import { Random } from "../support/random.ts";
import { operator, testFolder, testRedis, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { daybook, daybookJson } from "./cli.ts";

const SHARDS = 2;
const STEPS = 400;
const MARKS = 8;

type Row = Readonly<{ posted: number; held: number; available: number; seq: number; status: string }>;
type Snapshots = Readonly<{
  data: readonly { durable_position: string; snapshot: { records: number } | null }[];
}>;

/** Balances by account, as `replay` writes them. */
function balancesIn(csv: string): ReadonlyMap<string, Row> {
  const [head, ...lines] = csv.trim().split("\n");
  expect(head).toBe("partner,account,asset,status,posted,held,available,seq");
  return new Map(
    lines.map((line) => {
      const [, account = "", , status = "", ...figures] = line.split(",");
      const [posted = 0, held = 0, available = 0, seq = 0] = figures.map(Number);
      return [account, { posted, held, available, seq, status }] as const;
    }),
  );
}

/** A command that a caller may send; some are rejected. */
async function step(books: PartnerBooks, accounts: readonly string[], open: string[], random: Random) {
  const any = () => accounts[random.below(accounts.length)] as string;
  const [debit_account, credit_account] = [any(), random.below(4) === 0 ? "@fees" : any()];
  const body = { debit_account, credit_account, amount: 1 + random.below(20) };
  const which = random.below(6);
  if (which === 0 && open.length > 0) {
    const id = open.splice(random.below(open.length), 1)[0] as string;
    const action = ["post", "void", "revert"][random.below(3)] as string;
    await books.client.send("POST", `/v1/transfers/${id}/${action}`);
    return;
  }
  const pending = which < 3 ? { pending: true, timeout_s: 1 + random.below(3) } : {};
  const { text } = await books.client.send("POST", "/v1/transfers", { ...body, ...pending });
  const { id } = JSON.parse(text) as { id?: string };
  if (id !== undefined) open.push(id);
}

async function accountsAt(books: PartnerBooks, accounts: readonly string[], at: string) {
  const rows = await Promise.all(
    accounts.map(async (id) => [id, await books.client.get<Row>(`/v1/accounts/${id}?at=${at}`)] as const),
  );
  return new Map(
    rows.map(([id, { posted, held, available, seq, status }]) => [
      id,
      { posted, held, available, seq, status },
    ]),
  );
}

test.each(["redis", "sqlite"])(
  "replay --until T is what the API answered at T, whatever of the log was trimmed since: %s",
  async (kind) => {
    const folder = testFolder();
    const walUrl = kind === "redis" ? (await testRedis()).url : `sqlite:${join(folder, "wal")}`;
    const settings = { WAL_URL: walUrl, DATA_DIR: join(folder, "data") };
    const server = await testServer({ ...settings, SHARDS: String(SHARDS) });
    const admin = operator(server);
    const books = await PartnerBooks.open(server.url, SHARDS, "acme");
    const random = new Random(20_261_121);
    const accounts: string[] = [];
    for (let i = 0; i < 12; i++) accounts.push(await books.funded(i % SHARDS, 100));
    const open: string[] = [];
    const answered = new Map<string, ReadonlyMap<string, Row>>();
    for (let mark = 0; mark < MARKS; mark++) {
      for (let i = 0; i < STEPS / MARKS; i++) await step(books, accounts, open, random);
      const at = new Date().toISOString();
      answered.set(at, await accountsAt(books, accounts, at));
      // From the third snapshot on, records before the first one are only in the archive.
      if (mark % 2 === 0) await snapshotTaken(admin);
    }
    const infos = () => daybookJson<readonly { trimmed: boolean }[]>(["wal", "info"], settings);
    await until("both logs are trimmed", async () => (await infos()).every(({ trimmed }) => trimmed));
    for (const [at, rows] of answered) {
      const { stdout } = await daybook(["replay", "--until", at, "--balances", "-"], settings);
      const replayed = balancesIn(stdout);
      expect(new Map(accounts.map((id) => [id, replayed.get(id)])), at).toEqual(rows);
      const sum = [...replayed.values()].reduce((total, { posted }) => total + posted, 0);
      // Transfers in transit between shards at that moment are in neither.
      expect(Math.abs(sum), at).toBeLessThan(1000);
    }
    expect(await daybookJson<readonly unknown[]>(["replay"], settings)).toHaveLength(SHARDS);
    books.client.close();
    admin.close();
  },
  120_000,
);

async function snapshotTaken(admin: ReturnType<typeof operator>): Promise<void> {
  const shards = async () => (await admin.get<Snapshots>("/v1/admin/shards")).data;
  const before = await shards();
  expect((await admin.send("POST", "/v1/admin/snapshots")).status).toBe(202);
  await until("a snapshot of each shard", async () =>
    (await shards()).every(({ snapshot }, shard) => snapshot?.records !== before[shard]?.snapshot?.records),
  );
}
