/** A shard that runs out of heap: it dies alone, and has lost nothing that was acknowledged. */
import { expect, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { inParallel, Load, shardOfOwner } from "../support/load.ts";
import { Client, makePartner, operator, shardsOf, testFolder, testServer, until } from "../support/server.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const FILLED = 1;
/** Of each thread or process. A shard begins with less than half of that. */
const HEAP_MB = 52;
const FILLERS = 16;
/** The largest that an account may have: 25 kB that stay in the memory of its shard. */
const METADATA = Object.fromEntries(Array.from({ length: 50 }, (_, no) => [`key${no}`, "x".repeat(500)]));

/** Opens accounts on one shard until it says anything but "done"; resolves with those that it has acknowledged. */
async function fill(client: Client): Promise<readonly string[]> {
  const opened: string[] = [];
  const dead = new AbortController();
  let no = 0;
  const filler = async (): Promise<void> => {
    while (!dead.signal.aborted) {
      const owner = `filler${no++}`;
      if (shardOfOwner(owner, SHARDS) !== FILLED) continue;
      const account = { id: `${owner}/a`, asset: "PTS/0", metadata: METADATA };
      const { status } = await client.send("POST", "/v1/accounts", account);
      if (status === 201) opened.push(account.id);
      else dead.abort();
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
  return opened;
}

test.each(ISOLATIONS)(
  "a shard out of heap dies alone and says why; with more heap everything acknowledged is there (%s)",
  async (isolation) => {
    const settings = { DATA_DIR: testFolder(), SHARDS: String(SHARDS), ISOLATION: isolation };
    const server = await testServer({ ...settings, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` });
    const admin = operator(server);
    const partnerKey = await makePartner(admin);
    const others = new Load({ partnerKey });
    await others.open(server.url, (owner) => shardOfOwner(owner, SHARDS) !== FILLED);
    others.begin(server.url, 1);
    const opened = await fill(new Client(server.url, partnerKey));
    expect(opened.length).toBeGreaterThan(100);
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
