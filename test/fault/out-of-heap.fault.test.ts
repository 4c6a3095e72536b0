/**
 * A shard that runs out of heap by a bug ends alone, and nothing acknowledged is lost. Data of partners cannot cause
 * that: `test/attack/heap.test.ts`.
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { inParallel } from "../support/client.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load, shardOfOwner } from "../support/load.ts";
import { Client, makePartner, operator, shardsOf, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const FILLED = 1;
/** Heap of each thread or process, in MB. A shard starts with less than half of it. */
const HEAP_MB = 52;
const ACCOUNTS = 100;
const LEAKING_SHARD = join(import.meta.dirname, "../support/leaking-shard.ts");

/** Owners on the shard that is filled. */
function ownersOnFilledShard(name: string, count: number): readonly string[] {
  const owners: string[] = [];
  for (let no = 0; owners.length < count; no++)
    if (shardOfOwner(`${name}${no}`, SHARDS) === FILLED) owners.push(`${name}${no}`);
  return owners;
}

test.each(ISOLATIONS)(
  "a shard out of heap ends alone and reports why; with more heap everything acknowledged is there (%s)",
  async (isolation) => {
    const settings = { DATA_DIR: testFolder(), SHARDS: String(SHARDS), ISOLATION: isolation };
    const [LEAK = ""] = ownersOnFilledShard("leak", 1);
    const options = `--max-old-space-size=${HEAP_MB} --import=${LEAKING_SHARD}`;
    const server = await testServer({ ...settings, LEAK, NODE_OPTIONS: options });
    const admin = operator(server);
    const partnerKey = await makePartner(admin);
    const others = new Load({ partnerKey });
    await others.open(server.url, (owner) => shardOfOwner(owner, SHARDS) !== FILLED);
    others.begin(server.url, 1);
    const acme = new Client(server.url, partnerKey);
    const opened = ownersOnFilledShard("filler", ACCOUNTS);
    await inParallel(opened, async (id) => {
      expect(await acme.send("POST", "/v1/accounts", { id, asset: "PTS/0" })).toMatchObject({ status: 201 });
    });
    await acme.send("POST", "/v1/accounts", { id: LEAK, asset: "PTS/0" });
    await until("it has died, and it is said why", () =>
      /"shard":1,"status":"restarting","reason":"[^"]*(SIGABRT|heap out of memory)/.test(server.stdout),
    );
    expect((await shardsOf(admin)).map(({ restarts }) => restarts > 0)).toEqual([false, true]);
    await others.moreAcknowledged(20);
    await others.stop();
    expect([others.count("unknown"), others.count("not_done"), others.broken]).toEqual([0, 0, 0]);
    await server.kill();

    const next = await testServer(settings);
    const client = new Client(next.url, partnerKey);
    await inParallel(opened, async (id) => {
      await client.get(`/v1/accounts/${encodeURIComponent(id)}`);
    });
    await checkBooks(next.url, others);
  },
);
