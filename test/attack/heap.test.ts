/** One partner fills a shard with a small heap: it is refused, nothing crashes, and other partners continue. */
import { expect, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { shardOfOwner } from "../support/load.ts";
import {
  type Answer,
  Client,
  makePartner,
  operator,
  type ServerProcess,
  shardsOf,
  testFolder,
  testServer,
} from "../support/server.ts";

const SHARDS = 2;
const FILLED = 1;
/** Heap of each thread or process. A shard starts with less than half of it used. */
const HEAP_MB = 52;
const FILLERS = 16;
/** Far more accounts than fit into the heap. */
const ACCOUNTS = 20_000;
/** After so many refusals in a row the shard is full. */
const REFUSALS = 40;
/** The largest metadata of an account: 25 kB in its shard's memory. */
const METADATA = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, "x".repeat(500)]));

type Filled = Readonly<{ opened: readonly string[]; refused: readonly Answer[] }>;

/** Creates accounts on one shard until only refusals have come for a while. */
async function fill(client: Client, path: string, bodyOf: (owner: string) => object): Promise<Filled> {
  const opened: string[] = [];
  const refused: Answer[] = [];
  let inRow = 0;
  let i = 0;
  const filler = async (): Promise<void> => {
    while (inRow < REFUSALS && i < ACCOUNTS) {
      const owner = `filler${i++}`;
      if (shardOfOwner(owner, SHARDS) !== FILLED) continue;
      const answer = await client.send("POST", path, bodyOf(owner));
      if (answer.status === 201) {
        opened.push(owner);
        inRow = 0;
      } else {
        refused.push(answer);
        inRow += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
  return { opened, refused };
}

/** An owner on the shard to fill. */
function ownerThere(name: string): string {
  for (let i = 0; ; i++) if (shardOfOwner(`${name}${i}`, SHARDS) === FILLED) return `${name}${i}`;
}

async function restartsOf(server: ServerProcess): Promise<readonly number[]> {
  return (await shardsOf(operator(server))).map(({ restarts }) => restarts);
}

function account(owner: string): object {
  return { id: `${owner}/a`, asset: "PTS/0", metadata: METADATA };
}

test.each(ISOLATIONS)(
  "a shard that one partner fills refuses it and keeps running; other partners continue (%s)",
  async (isolation) => {
    const settings = { DATA_DIR: testFolder(), SHARDS: String(SHARDS), ISOLATION: isolation };
    const server = await testServer({ ...settings, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` });
    const admin = operator(server);
    const acme = new Client(server.url, await makePartner(admin, "acme"));
    const other = new Client(server.url, await makePartner(admin, "other"));
    const [mine, its] = [ownerThere("mine"), ownerThere("its")];
    for (const [client, id] of [
      [acme, mine],
      [other, its],
    ] as const)
      expect(await client.send("POST", "/v1/accounts", { id, asset: "PTS/0", floor: null })).toMatchObject({
        status: 201,
      });
    const hold = { debit_account: mine, credit_account: "@out", amount: 5, pending: true };
    const held = await acme.send("POST", "/v1/transfers", hold);

    const { opened, refused } = await fill(acme, "/v1/accounts", account);
    expect(opened.length).toBeGreaterThan(100);
    const quotas = refused.filter(({ status }) => status === 422);
    expect(quotas.length).toBeGreaterThan(0);
    expect(quotas[0]?.text).toMatch(/has used \d+ of \d+ bytes of memory/);

    const pay = { debit_account: its, credit_account: "@out", amount: 1 };
    for (let i = 0; i < 500; i++) {
      const answer = await other.send("POST", "/v1/transfers", pay, { "Idempotency-Key": `pay-${i}` });
      expect(answer.status, answer.text).toBe(201);
    }
    expect(await other.send("POST", "/v1/accounts", account(ownerThere("small")))).toMatchObject({
      status: 201,
    });
    const { id } = JSON.parse(held.text) as { id: string };
    expect(await acme.send("POST", `/v1/transfers/${id}/post`, {})).toMatchObject({ status: 200 });
    expect(await acme.send("POST", "/v1/transfers", { ...pay, debit_account: mine })).toMatchObject({
      status: 201,
    });
    expect(await acme.send("POST", `/v1/accounts/${mine}/freeze`)).toMatchObject({ status: 200 });

    // Further partners fill it too: the total is bounded.
    for (const name of ["third", "fourth"]) {
      const client = new Client(server.url, await makePartner(admin, name));
      await fill(client, "/v1/accounts", account);
    }
    expect(await other.send("POST", "/v1/transfers", pay)).toMatchObject({ status: 201 });
    expect(await restartsOf(server)).toEqual([0, 0]);
    expect(server.stdout).not.toMatch(/"status":"restarting"/);
  },
  180_000,
);
