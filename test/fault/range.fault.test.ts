/** I1, I2: concurrent commands of clients take no balance out of its range, and the books balance. */
import { describe, expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Client, makePartner, operator, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const PARTNER = "acme";
const SHARDS = 2;
const INPUT_MAX = Number.MAX_SAFE_INTEGER;
const RANGE_MAX = 2 ** 52;

type Posting = readonly [debit: string, credit: string, amount: number];
type SystemAccount = { balances: Record<string, { posted: number }> };

function idOn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    const id = `${name}${i}`;
    if (shardOfVnode(vnodeOfAccount(PARTNER, id), SHARDS) === shard) return id;
  }
}

async function issued(client: Client): Promise<number> {
  const { balances } = await client.get<SystemAccount>("/v1/accounts/@issuance");
  return balances["USD/2"]?.posted ?? 0;
}

async function isBalanced(client: Client): Promise<boolean> {
  return (await client.get<{ balanced: boolean }>("/v1/trial-balance")).balanced;
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test("of concurrent transfers that would exceed a slice's range only one is accepted, and the books balance, also after a restart", async () => {
    const settings = { DATA_DIR: testFolder(), SHARDS: String(SHARDS), ISOLATION: isolation };
    const server = await testServer(settings);
    const key = await makePartner(operator(server), PARTNER);
    const acme = new Client(server.url, key);
    const move = (...postings: readonly Posting[]) =>
      acme.send("POST", "/v1/transfers", {
        postings: postings.map(([debit_account, credit_account, amount]) => {
          return { debit_account, credit_account, amount };
        }),
      });
    const [a, b, owner] = [idOn(0, "a"), idOn(0, "b"), idOn(1, "o")];
    for (const id of [a, b, `${owner}/x`, `${owner}/y`])
      expect((await acme.send("POST", "/v1/accounts", { id, asset: "USD/2" })).status).toBe(201);
    expect((await move(["@bank", a, 10])).status).toBe(201);

    const askForBoth = (amount: number) =>
      Promise.all(
        ["x", "y"].map((name, less) => move([a, b, 1], ["@issuance", `${owner}/${name}`, amount - less])),
      );
    const tooLarge = await askForBoth(INPUT_MAX - 1);
    expect(tooLarge.map(({ status }) => status)).toEqual([422, 422]);
    const answers = await askForBoth(RANGE_MAX);
    expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(["201", "422"]);
    expect(answers.find(({ status }) => status === 422)?.text).toContain("balance_out_of_range");
    expect(await issued(acme)).toBeGreaterThanOrEqual(-RANGE_MAX);
    await until("the books balance", () => isBalanced(acme));

    const before = await issued(acme);
    await server.kill();
    const again = await testServer(settings);
    expect(await isBalanced(operator(again))).toBe(true);
    expect(await issued(new Client(again.url, key))).toBe(before);
  });
});
