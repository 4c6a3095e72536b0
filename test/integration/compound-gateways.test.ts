/** Every GET shows all writes answered before it, at any gateway: for all that a transfer can do. */
import { expect, test } from "vitest";
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
import { type Client, testFolder, testServer, until } from "../support/server.ts";

const GATEWAYS = 2;
const SHARDS = 3;
const ROUNDS = Number(process.env["ROUNDS"] ?? 10);

type Page<T> = Readonly<{ data: readonly T[] }>;
type Balances = Readonly<Record<string, Omit<AccountBody, "id">>>;

/** What one gateway was told is what the other one shows. */
class Witness {
  readonly #readers: readonly Client[];
  readonly #accounts: readonly string[];
  #turn = 0;

  constructor(readers: readonly Client[], accounts: readonly string[]) {
    this.#readers = readers;
    this.#accounts = accounts;
  }

  /** The next one who writes; who reads afterwards is the other one. */
  get writer(): Client {
    return this.#readers[this.#turn % GATEWAYS] as Client;
  }

  get reader(): Client {
    return this.#readers[(this.#turn + 1) % GATEWAYS] as Client;
  }

  /** Writes at one gateway, and looks at everything at the other one, at once. */
  async sees(path: string, body: unknown, expected: Partial<TransferBody>): Promise<TransferBody> {
    const before = new Date().toISOString();
    const then = await this.#accountsAt(this.writer, before);
    const said = await tell(this.writer, path, body);
    expect(verdictOf(said), said.text).toMatch(/^20[01]$/);
    expect(said.transfer).toMatchObject(expected);
    await this.shows(said.transfer, said.transfer.balances);
    expect(await this.#accountsAt(this.reader, before), "as it was before").toEqual(then);
    this.#turn += 1;
    return said.transfer;
  }

  /** The transfer alone and in lists, the accounts as it has left them, now and by the time of now, and their entries. */
  async shows({ id, status, posted_amount }: TransferBody, balances: Balances): Promise<void> {
    const { reader } = this;
    const [one, accounts, cut, lists] = await Promise.all([
      reader.get<TransferBody>(`/v1/transfers/${id}`),
      this.#accountsAt(reader),
      reader.get<Page<AccountBody>>(`/v1/accounts?ids=${this.#accounts.join(",")}&consistent=true`),
      Promise.all(
        // Whom a pending transfer is to pay has nothing of it yet.
        Object.keys(balances).map((account) =>
          reader.get<Page<TransferBody>>(`/v1/transfers?account=${account}&status=${status}&limit=1`),
        ),
      ),
    ]);
    expect(one).toMatchObject({ id, status, posted_amount });
    for (const [place, account] of this.#accounts.entries()) {
      expect(accounts[place]).toMatchObject(balances[account] ?? {});
      expect(cut.data[place]).toMatchObject(balances[account] ?? {});
    }
    // An end of time is logged when somebody meets it: from then on it has been so.
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
  "whatever was done at one gateway is in every read at the other one that follows (%s)",
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
    const witness = new Witness(await callerPerGateway(server.url, books.key, GATEWAYS), accounts);
    const postings = [
      { debit_account: a, credit_account: c, amount: 6 },
      { debit_account: b, credit_account: a, amount: 4 },
    ];
    const newest = (id: string) => expect(witness.newestEntries()).resolves.toEqual(accounts.map(() => id));
    for (let round = 0; round < ROUNDS; round++) {
      const moved = await witness.sees(
        "/v1/transfers",
        { postings },
        { status: "posted", posted_amount: 10 },
      );
      await newest(moved.id);
      const back = await witness.sees(`/v1/transfers/${moved.id}/revert`, undefined, { reverts: moved.id });
      await newest(back.id);
      expect(await witness.reader.get(`/v1/transfers/${moved.id}`)).toMatchObject({ reverted_by: back.id });
      const held = await witness.sees("/v1/transfers", { postings, pending: true }, { status: "pending" });
      await newest(back.id);
      await witness.sees(`/v1/transfers/${held.id}/post`, {}, { status: "posted", posted_amount: 10 });
      await newest(held.id);
      const freed = await witness.sees("/v1/transfers", { postings, pending: true }, { status: "pending" });
      await witness.sees(`/v1/transfers/${freed.id}/void`, undefined, { status: "voided", posted_amount: 0 });
      await newest(held.id);
    }
  },
);

test("parts of a hold, its end, and all that there is, are seen at the other gateway at once", async () => {
  const server = await testServer({
    DATA_DIR: testFolder(),
    SHARDS: String(SHARDS),
    GATEWAYS: String(GATEWAYS),
  });
  const books = await PartnerBooks.open(server.url, SHARDS, "acme");
  const callers = await callerPerGateway(server.url, books.key, GATEWAYS);
  const pending = { status: "pending" };
  const expiring: Readonly<{ witness: Witness; said: TransferBody; balances: Balances }>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [from, to] = [await books.funded(round % SHARDS, 100), await books.account((round + 1) % SHARDS)];
    const witness = new Witness(callers, [from, to]);
    const hold = { debit_account: from, credit_account: to, amount: 60, pending: true };
    const { id } = await witness.sees("/v1/transfers", hold, { ...pending, posted_amount: 0 });
    await witness.sees(`/v1/transfers/${id}/post`, { amount: 25 }, { ...pending, posted_amount: 25 });
    const last = { amount: 5, final: true };
    await witness.sees(`/v1/transfers/${id}/post`, last, { status: "posted", posted_amount: 30 });
    const all = { debit_account: from, credit_account: to, amount: "available", max_amount: 69 };
    const moved = await witness.sees("/v1/transfers", all, { status: "posted", posted_amount: 69 });
    expect(moved.balances).toMatchObject({ [from]: { posted: 1, held: 0 }, [to]: { posted: 99 } });
    const brief = { ...hold, amount: 1, timeout_s: 1 };
    const said = await witness.sees("/v1/transfers", brief, { ...pending, posted_amount: 0 });
    const free = { ...(said.balances[from] as Balances[string]), held: 0, available: 1 };
    expiring.push({ witness, said, balances: { [from]: free } });
  }
  for (const { witness, said, balances } of expiring) {
    await until("its time is over", () => Date.now() >= Date.parse(said.expires_at ?? ""));
    await witness.shows({ ...said, status: "expired" }, balances);
    const late: Said = await tell(witness.writer, `/v1/transfers/${said.id}/post`);
    expect(verdictOf(late)).toBe("410 transfer_expired");
  }
});
