/** A partner's transfer ids reveal nothing about other partners. */
import { beforeAll, expect, test } from "vitest";
import { parseTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { type Caller, startTestServer } from "../integration/programmes/test-server.ts";

const EACH = 1_000;
const TAIL_LENGTH = 16;
const DIGITS = "0123456789abcdefghijklmnopqrstuv";

const house = startTestServer({ SHARDS: "1" });
let acme: Caller;
let zen: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  zen = await house.partner("zen");
  for (const partner of [acme, zen]) await partner.post("/v1/accounts", 201, { id: "alice", asset: "PTS/0" });
});

/** Creates transfers to one account, and returns their ids in order of creation. */
async function transfersOf(partner: Caller, count: number): Promise<readonly string[]> {
  const transfer = { debit_account: "@issuance", credit_account: "alice", amount: 1 };
  const body = { transfers: Array.from({ length: count }, () => transfer) };
  const { results } = await partner.post("/v1/transfers/batch", 200, body);
  return (results as readonly { id: string }[]).map(({ id }) => id);
}

function tailsOf(ids: readonly string[]): readonly string[] {
  return ids.map((id) => id.slice(-TAIL_LENGTH));
}

test("ids of two alternating partners share vnode and epoch with earlier ids of the same partner, and nothing else", async () => {
  const own: string[] = [];
  const others: string[] = [];
  for (let turn = 0; turn < 10; turn++) {
    own.push(...(await transfersOf(acme, EACH / 10)));
    // Any number: it cannot be seen in the ids.
    others.push(...(await transfersOf(zen, turn * 7)));
  }
  expect(new Set(own.map((id) => id.slice(0, -TAIL_LENGTH))).size).toBe(1);
  expect(new Set([...own, ...others].map((id) => parseTransferId(id)?.epoch))).toEqual(new Set([1]));
  const tails = tailsOf(own);
  expect(new Set([...tails, ...tailsOf(others)]).size).toBe(own.length + others.length);
  for (let place = 0; place < TAIL_LENGTH; place++) {
    const counts = Array.from(DIGITS, (digit) => tails.filter((tail) => tail.charAt(place) === digit).length);
    const expected = EACH / DIGITS.length;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // With 31 degrees of freedom, chance exceeds 80 once in 300,000 runs.
    expect(chiSquare, `place ${place}`).toBeLessThan(80);
  }
});

test("the next id is as often higher as lower, however many transfers others created in between", async () => {
  const tails: string[] = [];
  for (let i = 0; i < 20; i++) {
    tails.push(...tailsOf(await transfersOf(acme, 50)));
    if (i % 2 === 0) await transfersOf(zen, 50);
  }
  const rises = tails.filter((tail, i) => i > 0 && tail > (tails[i - 1] as string)).length;
  // A permutation of n has n / 2 rises, with a variance of n / 12: nine standard deviations.
  expect(Math.abs(rises - EACH / 2)).toBeLessThan(9 * Math.sqrt(EACH / 12));
  const shared = tails.filter((tail, i) => i > 0 && tail.slice(0, 4) === tails[i - 1]?.slice(0, 4));
  expect(shared.length).toBeLessThan(3);
});
