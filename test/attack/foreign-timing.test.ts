/**
 * Response times do not reveal whether another partner has a thing. Both kinds of requests alternate in random
 * order on one connection, so that other load slows both alike; their medians are compared.
 */
import { randomInt } from "node:crypto";
import { Agent, request } from "node:http";
import { beforeAll, expect, test } from "vitest";
import { openShop, PHONE, sell } from "../integration/programmes/shop.ts";
import { type Json, startTestServer } from "../integration/programmes/test-server.ts";
import { Wallets } from "../integration/programmes/wallets.ts";

const TRIES = Number(process.env["TIMING_TRIES"] ?? 2_000);
/**
 * By chance a third of all rounds differ by more than one standard error; a real difference shows in round after round.
 */
const ROUNDS_MAX = 6;

/**
 * For these the archive reads a record to find its owner, which takes some microseconds. That is harmless, as their
 * ids cannot be guessed.
 */
const READ_TO_SEE = new Set(["a transfer", "a top-up", "a hold"]);
const READING_SHARE = 0.1;

/** Ids that another partner has, and ids that do not exist. */
type Pair = readonly [foreign: string, missing: string];

const house = startTestServer({ SHARDS: "1" });
const pairs = new Map<string, Pair>();
let key: string;
let session: string;

beforeAll(async () => {
  const owner = await house.partner("owner");
  key = await house.newPartner("other");
  await owner.post("/v1/accounts", 201, { id: "alice", asset: "PTS/0" });
  const move = { debit_account: "@issuance", credit_account: "alice", amount: 5 };
  const transfer = await owner.post("/v1/transfers", 201, move);
  await owner.post("/v1/loyalty/members", 201, { id: "mia" });
  const shop = await openShop(house, owner, "stall", 100);
  const topup = await sell(shop, 7);
  const wish = await owner.post("/v1/credit-requests", 201, { seller: "stall", amount: 5 });
  await owner.post("/v1/segments", 201, { slug: "VIPS" });
  await owner.post("/v1/users", 201, { id: "uma" });
  await owner.post("/v1/customers", 201, { email: "ann@example.com" });
  await owner.ask("PUT", "/v1/offers/spring", 200, { discount: 10 });
  const wallets = new Wallets(house);
  const [ann, eve] = [await wallets.person(100), await wallets.person(100)];
  session = eve.token;
  const hold = await ann.caller.post("/v1/wallet/holds", 201, { amount: 1 });
  pairs.set("an account", ["/v1/accounts/alice", "/v1/accounts/elise"]);
  pairs.set("a transfer", beside("/v1/transfers", transfer));
  pairs.set("a member", ["/v1/loyalty/members/mia", "/v1/loyalty/members/pia"]);
  pairs.set("a seller", ["/v1/sellers/stall", "/v1/sellers/stull"]);
  pairs.set("a top-up", beside("/v1/topups", topup));
  pairs.set("a credit request", beside("/v1/credit-requests", wish));
  pairs.set("a phone", [`/v1/phones/${PHONE}`, `/v1/phones/${PHONE.slice(0, -1)}9`]);
  pairs.set("a segment", ["/v1/segments/VIPS", "/v1/segments/VIPZ"]);
  pairs.set("a user of segments", ["/v1/users/uma", "/v1/users/emu"]);
  pairs.set("a customer", ["/v1/customers/ann@example.com", "/v1/customers/ane@example.com"]);
  pairs.set("an offer", ["/v1/offers/spring", "/v1/offers/sprang"]);
  pairs.set("a hold", beside("/v1/wallet/holds", hold));
});

function beside(prefix: string, { id }: Json): Pair {
  return [`${prefix}/${String(id)}`, `${prefix}/${unused(String(id))}`];
}

/** An id of the same form and length, on the same shard. */
function unused(id: string): string {
  return `${id.slice(0, -6)}${"0".repeat(6)}`;
}

const NAMES = [
  [
    "an account",
    "a transfer",
    "a member",
    "a seller",
    "a top-up",
    "a credit request",
    "a phone",
    "a segment",
  ],
  ["a user of segments", "a customer", "an offer", "a hold"],
].flat();

function median(sorted: readonly number[], part = 0.5): number {
  return sorted[Math.floor((sorted.length - 1) * part)] as number;
}

/** The standard error of a median, from the middle half only, so that outliers have no weight. */
function standardError(sorted: readonly number[]): number {
  const spread = (median(sorted, 0.75) - median(sorted, 0.25)) / 1.349;
  return (1.253 * spread) / Math.sqrt(sorted.length);
}

test.each(NAMES)(
  "%s of another partner is refused as fast as one that does not exist",
  async (name) => {
    const paths = pairs.get(name) as Pair;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const token = name === "a hold" ? session : key;
    const method = name === "a hold" ? "POST" : "GET";
    const ask = (side: 0 | 1) =>
      timed(agent, method, `${paths[side]}${name === "a hold" ? "/void" : ""}`, token);
    for (let i = 0; i < 200; i++) await ask((i % 2) as 0 | 1);
    const seen: string[] = [];
    let isAlike = false;
    for (let round = 0; round < ROUNDS_MAX && !isAlike; round++) {
      const took: [number[], number[]] = [[], []];
      while (took[0].length < TRIES || took[1].length < TRIES) {
        const side = randomInt(2) as 0 | 1;
        if (took[side].length < TRIES) took[side].push(await ask(side));
      }
      const [foreign, missing] = took.map((all) => all.toSorted((a, b) => a - b)) as [number[], number[]];
      const difference = median(foreign) - median(missing);
      const error = Math.hypot(standardError(foreign), standardError(missing));
      seen.push(
        `${(difference * 1000).toFixed(1)} of ${(median(missing) * 1000).toFixed(0)} ± ${(error * 1000).toFixed(1)} µs`,
      );
      const reading = READ_TO_SEE.has(name) ? READING_SHARE * median(missing) : 0;
      isAlike = Math.abs(difference) < error + reading;
    }
    agent.destroy();
    if (process.env["TIMING_PRINT"] !== undefined) process.stdout.write(`${name}: ${seen.join("; ")}\n`);
    expect(isAlike, seen.join("; ")).toBe(true);
  },
  600_000,
);

/** The response time of a 404, in ms. */
function timed(agent: Agent, method: string, path: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const outgoing = request(`${house.server.url}${path}`, {
      method,
      agent,
      headers: { Authorization: `Bearer ${token}` },
    });
    outgoing.on("error", reject).on("response", (incoming) => {
      if (incoming.statusCode !== 404) reject(new Error(`${path}: ${incoming.statusCode}`));
      incoming.resume().on("end", () => resolve(performance.now() - startedMs));
    });
    outgoing.end();
  });
}
