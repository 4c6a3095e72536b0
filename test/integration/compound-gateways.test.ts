/** Every GET at any gateway shows all writes answered before it: for every action on a transfer. */
import { expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import {
  type AccountBody,
  type Said,
  type TransferBody,
  tell,
  verdictOf,
} from "../support/compound-books.ts";
import { callerPerGateway } from "../support/gateway-callers.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { PartnerBooks } from "../support/partner-books.ts";
import { type Client, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const GATEWAYS = 2;
const SHARDS = 3;
const ROUNDS = Number(process.env["ROUNDS"] ?? 10);
/** Gateways do the same for shards in processes. */
const ROUNDS_OF: Readonly<Record<Isolation, number>> = { threads: ROUNDS, processes: Math.ceil(ROUNDS / 5) };

type Page<T> = Readonly<{ data: readonly T[] }>;
type Balances = Readonly<Record<string, Omit<AccountBody, "id">>>;

/** Writes at one gateway, and checks that the other gateway shows the result at once. */
class CrossGatewayCheck {
  readonly #readers: readonly Client[];
  readonly #accounts: readonly string[];
  #turn = 0;

  constructor(readers: readonly Client[], accounts: readonly string[]) {
    this.#readers = readers;
    this.#accounts = accounts;
  }

  /** The gateways take turns in writing; the other one reads. */
  get writer(): Client {
    return this.#readers[this.#turn % GATEWAYS] as Client;
  }

  get reader(): Client {
    return this.#readers[(this.#turn + 1) % GATEWAYS] as Client;
  }

  /** Writes at one gateway and reads everything at the other. */
  async writes(path: string, body: unknown, expected: Partial<TransferBody>): Promise<TransferBody> {
    const before = new Date().toISOString();
    const accountsBefore = await this.#accountsAt(this.writer, before);
    const answer = await tell(this.writer, path, body);
    expect(verdictOf(answer), answer.text).toMatch(/^20[01]$/);
    expect(answer.transfer).toMatchObject(expected);
    await this.shows(answer.transfer, answer.transfer.balances);
    expect(await this.#accountsAt(this.reader, before), "balances before the write").toEqual(accountsBefore);
    this.#turn += 1;
    return answer.transfer;
  }

  /** Checks the transfer by id and in lists, and the accounts after it: current, in a consistent read, and by time. */
  async shows({ id, status, posted_amount }: TransferBody, balances: Balances): Promise<void> {
    const { reader } = this;
    const [one, accounts, cut, lists] = await Promise.all([
      reader.get<TransferBody>(`/v1/transfers/${id}`),
      this.#accountsAt(reader),
      reader.get<Page<AccountBody>>(`/v1/accounts?ids=${this.#accounts.join(",")}&consistent=true`),
      Promise.all(
        // A pending transfer has no balance for its credit accounts yet.
        Object.keys(balances).map((account) =>
          reader.get<Page<TransferBody>>(`/v1/transfers?account=${account}&status=${status}&limit=1`),
        ),
      ),
    ]);
    expect(one).toMatchObject({ id, status, posted_amount });
    for (const [index, account] of this.#accounts.entries()) {
      expect(accounts[index]).toMatchObject(balances[account] ?? {});
      expect(cut.data[index]).toMatchObject(balances[account] ?? {});
    }
    // The reads above have logged any expiry, so a read by time agrees with them.
    expect(await this.#accountsAt(reader, new Date().toISOString())).toEqual(accounts);
    for (const { data } of lists) expect(data[0]).toMatchObject({ id, status, posted_amount });
  }

  async newestEntries(): Promise<readonly (string | undefined)[]> {
    const pages = await Promise.all(
      this.#accounts.map((id) =>
        this.reader.get<Page<{ transfer_id: string }>>(`/v1/accounts/${id}/entries?limit=1`),
      ),
    );
    return pages.map(({ data }) => data[0]?.transfer_id);
  }

  #accountsAt(client: Client, at?: string): Promise<readonly AccountBody[]> {
    const query = at === undefined ? "" : `?at=${encodeURIComponent(at)}`;
    return Promise.all(this.#accounts.map((id) => client.get<AccountBody>(`/v1/accounts/${id}${query}`)));
  }
}

test.each(ISOLATIONS)(
  "every read at one gateway shows all transfer actions answered before it at the other (shards as %s)",
  async (isolation) => {
    const server = await testServer({
      DATA_DIR: testFolder(),
      SHARDS: String(SHARDS),
      GATEWAYS: String(GATEWAYS),
      ISOLATION: isolation,
    });
    const books = await PartnerBooks.open(server.url, SHARDS, "acme");
    const accounts = [await books.funded(0, 1000), await books.funded(1, 1000), await books.account(2)];
    const [a = "", b = "", c = ""] = accounts;
    const check = new CrossGatewayCheck(await callerPerGateway(server.url, books.key, GATEWAYS), accounts);
    const postings = [
      { debit_account: a, credit_account: c, amount: 6 },
      { debit_account: b, credit_account: a, amount: 4 },
    ];
    const newest = (id: string) => expect(check.newestEntries()).resolves.toEqual(accounts.map(() => id));
    for (let round = 0; round < ROUNDS_OF[isolation]; round++) {
      const moved = await check.writes(
        "/v1/transfers",
        { postings },
        { status: "posted", posted_amount: 10 },
      );
      await newest(moved.id);
      const back = await check.writes(`/v1/transfers/${moved.id}/revert`, undefined, { reverts: moved.id });
      await newest(back.id);
      expect(await check.reader.get(`/v1/transfers/${moved.id}`)).toMatchObject({ reverted_by: back.id });
      const held = await check.writes("/v1/transfers", { postings, pending: true }, { status: "pending" });
      await newest(back.id);
      await check.writes(`/v1/transfers/${held.id}/post`, {}, { status: "posted", posted_amount: 10 });
      await newest(held.id);
      const freed = await check.writes("/v1/transfers", { postings, pending: true }, { status: "pending" });
      await check.writes(`/v1/transfers/${freed.id}/void`, undefined, { status: "voided", posted_amount: 0 });
      await newest(held.id);
    }
  },
);

test("partial posts, expiry and transfers of the available balance are visible at the other gateway at once", async () => {
  const server = await testServer({
    DATA_DIR: testFolder(),
    SHARDS: String(SHARDS),
    GATEWAYS: String(GATEWAYS),
  });
  const books = await PartnerBooks.open(server.url, SHARDS, "acme");
  const callers = await callerPerGateway(server.url, books.key, GATEWAYS);
  const pending = { status: "pending" };
  const expiring: Readonly<{ check: CrossGatewayCheck; timed: TransferBody; balances: Balances }>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [from, to] = [await books.funded(round % SHARDS, 100), await books.account((round + 1) % SHARDS)];
    const check = new CrossGatewayCheck(callers, [from, to]);
    const hold = { debit_account: from, credit_account: to, amount: 60, pending: true };
    const { id } = await check.writes("/v1/transfers", hold, { ...pending, posted_amount: 0 });
    await check.writes(`/v1/transfers/${id}/post`, { amount: 25 }, { ...pending, posted_amount: 25 });
    const last = { amount: 5, final: true };
    await check.writes(`/v1/transfers/${id}/post`, last, { status: "posted", posted_amount: 30 });
    const all = { debit_account: from, credit_account: to, amount: "available", max_amount: 69 };
    const moved = await check.writes("/v1/transfers", all, { status: "posted", posted_amount: 69 });
    expect(moved.balances).toMatchObject({ [from]: { posted: 1, held: 0 }, [to]: { posted: 99 } });
    const brief = { ...hold, amount: 1, timeout_s: 1 };
    const timed = await check.writes("/v1/transfers", brief, { ...pending, posted_amount: 0 });
    const free = { ...(timed.balances[from] as Balances[string]), held: 0, available: 1 };
    expiring.push({ check, timed, balances: { [from]: free } });
  }
  for (const { check, timed, balances } of expiring) {
    await until("the hold has expired", () => Date.now() >= Date.parse(timed.expires_at ?? ""));
    await check.shows({ ...timed, status: "expired" }, balances);
    const late: Said = await tell(check.writer, `/v1/transfers/${timed.id}/post`);
    expect(verdictOf(late)).toBe("410 transfer_expired");
  }
});
