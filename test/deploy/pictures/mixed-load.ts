/** Load with something of everything, at a pace that leaves the machine some room. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "../../support/client.ts";

const ACCOUNTS = 200;
const FUNDS = 100_000;
const BATCH = 250;
const PHONE = "+989121234567";
const EXPIRES_AT = "2090-01-01T00:00:00.000Z";
/** One of so many webhooks is answered with 500. */
const FAILS_EVERY = 40;

type Step = (i: number) => Promise<unknown>;

/** `callers` of them run at the same time, each with this pause after an answer. */
type Lane = Readonly<{ callers: number; pauseMs: number; step: Step }>;

export class MixedLoad {
  readonly #client: Client;
  readonly #receiver: Server;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(client: Client, receiver: Server) {
    this.#client = client;
    this.#receiver = receiver;
  }

  /** Opens accounts and all that the load needs. */
  static async start(url: string, operatorKey: string): Promise<MixedLoad> {
    const operator = new Client(url, operatorKey);
    const { api_key: key } = await operator.ask<{ api_key: string }>("POST", "/v1/partners", {
      id: "riverside",
      name: "Riverside",
    });
    const client = new Client(url, key, 64);
    const load = new MixedLoad(client, await receive());
    const { port } = load.#receiver.address() as AddressInfo;
    await client.ask("POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}/events` });
    for (let i = 0; i < ACCOUNTS; i++) {
      await client.ask("POST", "/v1/accounts", { id: account(i), asset: "PTS/0" });
      if (i % 20 === 0) await client.ask("POST", "/v1/loyalty/members", { id: member(i) });
    }
    await client.ask("POST", "/v1/transfers/batch", {
      transfers: Array.from({ length: ACCOUNTS }, (_, i) => transfer("@issuance", account(i), FUNDS)),
    });
    await client.ask("PUT", "/v1/offers/spring", { discount: 15 });
    await client.ask("POST", "/v1/customers", { email: "ada@example.com" });
    await client.ask("POST", "/v1/segments", { slug: "REGULARS" });
    const { api_key: seller } = await client.ask<{ api_key: string }>("POST", "/v1/sellers", {
      id: "kiosk",
      name: "Kiosk",
    });
    const kiosk = new Client(url, seller);
    const asked = { amount: 1_000_000_000 };
    const { id } = await kiosk.ask<{ id: string }>("POST", "/v1/credit-requests", asked);
    await client.ask("POST", `/v1/credit-requests/${id}/approve`);
    load.#running = load.#run(load.#lanes(kiosk));
    return load;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    this.#client.close();
    this.#receiver.closeAllConnections();
    this.#receiver.close();
  }

  #lanes(seller: Client): readonly Lane[] {
    const post = (path: string, body?: unknown) => this.#client.send("POST", path, body);
    const get = (path: string) => this.#client.send("GET", path);
    return [
      {
        callers: 24,
        pauseMs: 25,
        step: (i) =>
          post("/v1/transfers", transfer(account(i * 7), account(i * 13 + 1), i % 50 === 0 ? 1e9 : 1)),
      },
      {
        callers: 2,
        pauseMs: 400,
        step: (i) =>
          post("/v1/transfers/batch", {
            transfers: Array.from({ length: BATCH }, (_, n) =>
              transfer(account(i + n), account(i + n * 3 + 1), 1),
            ),
          }),
      },
      { callers: 3, pauseMs: 40, step: (i) => this.#hold(i) },
      {
        callers: 3,
        pauseMs: 60,
        step: (i) =>
          post(`/v1/loyalty/members/${member((i % 10) * 20)}/${i % 4 === 3 ? "redemptions" : "accruals"}`, {
            points: i % 97 === 3 ? 1e9 : 5,
            description: "visit",
          }),
      },
      { callers: 2, pauseMs: 120, step: () => this.#voucher() },
      {
        callers: 2,
        pauseMs: 90,
        step: () => seller.send("POST", "/v1/topups", { phone: PHONE, amount: 50 }),
      },
      {
        callers: 1,
        pauseMs: 250,
        step: (i) => post("/v1/segments/REGULARS/users", { ids: [`u${i % 500}`] }),
      },
      { callers: 2, pauseMs: 60, step: (i) => get(`/v1/accounts/${encodeURIComponent(account(i))}`) },
      {
        callers: 1,
        pauseMs: 300,
        step: (i) => get(`/v1/accounts/${encodeURIComponent(account(i))}/entries`),
      },
      { callers: 1, pauseMs: 700, step: () => get("/v1/events?limit=50") },
      { callers: 1, pauseMs: 2_000, step: () => get("/v1/trial-balance") },
    ];
  }

  async #run(lanes: readonly Lane[]): Promise<void> {
    await Promise.all(
      lanes.flatMap((lane) => Array.from({ length: lane.callers }, (_, n) => this.#repeat(lane, n))),
    );
  }

  async #repeat({ callers, pauseMs, step }: Lane, first: number): Promise<void> {
    for (let i = first; !this.#isStopping; i += callers) {
      await step(i);
      // The load swells and ebbs, as that of a day does.
      await delay(pauseMs * (1 + 0.5 * Math.sin(performance.now() / 20_000)));
    }
  }

  async #hold(i: number): Promise<void> {
    const body = { ...transfer(account(i), account(i * 5 + 2), 10), pending: true };
    const { text } = await this.#client.send("POST", "/v1/transfers", body);
    const { id } = JSON.parse(text) as { id?: string };
    if (id !== undefined && i % 10 > 0)
      await this.#client.send("POST", `/v1/transfers/${id}/${i % 3 === 0 ? "void" : "post"}`);
  }

  async #voucher(): Promise<void> {
    const email = "ada@example.com";
    const { text } = await this.#client.send("POST", "/v1/vouchers", {
      offer_name: "spring",
      email,
      expires_at: EXPIRES_AT,
    });
    const { code } = JSON.parse(text) as { code: string };
    await this.#client.send("POST", `/v1/vouchers/${code}/redeem`, { email });
  }
}

function account(i: number): string {
  return `customer${i % ACCOUNTS}`;
}

function member(i: number): string {
  return `m${i}`;
}

function transfer(debit: string, credit: string, amount: number) {
  return { debit_account: debit, credit_account: credit === debit ? account(0) : credit, amount };
}

/** Receives webhooks, and fails now and then. */
async function receive(): Promise<Server> {
  let received = 0;
  const server = createServer((incoming, outgoing) => {
    received += 1;
    const isRefused = received % FAILS_EVERY === 0;
    incoming.resume().on("end", () => outgoing.writeHead(isRefused ? 500 : 204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
