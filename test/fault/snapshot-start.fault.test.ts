/** I5, I9, I10, I11: a start from a snapshot and the rest of the log is equivalent to a full replay. */
import { expect, test } from "vitest";
import { formatLogId } from "../../src/wal/wal.ts";
import { Random } from "../support/random.ts";
import { type Answer, Client, codeOf, makePartner, operator, type Settings } from "../support/server.ts";
import { checkBooks } from "./books.ts";
import {
  loadAndSnapshots,
  newSnapshots,
  openLoad,
  SHARDS,
  SnapshotPlace,
  type Store,
  snapshotShards,
} from "./snapshots.ts";

const KILLS = Number(process.env["KILLS"] ?? 2);
/** A light load: snapshots and their verification take the time. */
const CALLERS = 3;
const RUNNING: readonly (readonly [Store, string])[] = [
  ["redis", "threads"],
  ["sqlite", "processes"],
];

/** Long-lived state that a caller remembers: holds, keys, reverts. */
class LongStories {
  #client: Client | undefined;
  #pendingId = "";
  #revertedId = "";
  #revertibleId = "";
  readonly #told = new Map<string, Answer>();

  async begin(client: Client): Promise<void> {
    this.#client = client;
    for (const id of ["ann/w", "ben/w", "cat/w"]) await this.#keyed("/v1/accounts", { id, asset: "PTS/0" });
    await this.#keyed("/v1/accounts", {
      id: "dan/w",
      asset: "PTS/0",
      limits: [{ window_s: 86_400, direction: "debit", max_amount: 50 }],
    });
    for (const id of ["ann/w", "dan/w"]) await this.#move("@issuance", id, 100);
    const pending = await this.#move("ann/w", "ben/w", 30, { pending: true });
    this.#pendingId = idOf(pending);
    this.#revertedId = idOf(await this.#move("ann/w", "ben/w", 5));
    this.#revertibleId = idOf(await this.#move("ann/w", "cat/w", 7));
    expect((await this.#keyed(`/v1/transfers/${this.#revertedId}/revert`, {})).status).toBe(201);
    await this.#move("dan/w", "cat/w", 40);
    expect(codeOf(await this.#move("ben/w", "ann/w", 1_000, {}, 422))).toBe("insufficient_funds");
    expect(codeOf(await this.#move("nobody/w", "ann/w", 1, {}, 404))).toBe("account_not_found");
    await this.#keyed("/v1/accounts/cat%2Fw/freeze", {});
    client.close();
  }

  /** After snapshots, trims and a kill: every key has its answer, and everything that was open can be continued. */
  async goOn(client: Client): Promise<void> {
    for (const [key, told] of this.#told) {
      const [, path = "", body = ""] = key.split(" ");
      const again = await client.send("POST", path, body, { "Idempotency-Key": key.split(" ")[0] ?? "" });
      expect([again.status, again.text, again.headers["idempotency-replayed"]], key).toEqual([
        told.status,
        told.text,
        "true",
      ]);
    }
    const post = await client.send("POST", `/v1/transfers/${this.#pendingId}/post`, {
      amount: 10,
      final: true,
    });
    expect(post.status, post.text).toBe(200);
    const twice = await client.send("POST", `/v1/transfers/${this.#revertedId}/revert`, {});
    expect(codeOf(twice)).toBe("already_reverted");
    const frozen = await client.send("POST", `/v1/transfers/${this.#revertibleId}/revert`, {});
    expect(codeOf(frozen)).toBe("account_frozen");
    const body = { debit_account: "dan/w", credit_account: "ben/w", amount: 11 };
    expect(codeOf(await client.send("POST", "/v1/transfers", body)), "40 of 50 are used").toBe(
      "limit_exceeded",
    );
    expect(await client.get("/v1/accounts/ann%2Fw")).toMatchObject({ posted: 83, held: 0 });
    expect(await client.get("/v1/accounts/ben%2Fw")).toMatchObject({ posted: 10, held: 0 });
    client.close();
  }

  #move(debit: string, credit: string, amount: number, more: object = {}, status = 201): Promise<Answer> {
    return this.#keyed(
      "/v1/transfers",
      { debit_account: debit, credit_account: credit, amount, ...more },
      status,
    );
  }

  async #keyed(path: string, body: object, status?: number): Promise<Answer> {
    const name = `story-${this.#told.size}`;
    const text = JSON.stringify(body);
    const client = this.#client;
    if (client === undefined) throw new Error("nobody has begun");
    const answer = await client.send("POST", path, text, { "Idempotency-Key": name });
    if (status !== undefined) expect(answer.status, answer.text).toBe(status);
    else expect(answer.status, answer.text).toBeLessThan(300);
    this.#told.set(`${name} ${path} ${text}`, answer);
    return answer;
  }
}

function idOf({ text }: Answer): string {
  return (JSON.parse(text) as { id: string }).id;
}

test.each(RUNNING)(
  "a start from a snapshot on a trimmed log (%s, %s): everything acknowledged is there, every key has its answer, open transfers can be continued",
  async (store, isolation) => {
    const place = await SnapshotPlace.make(store, { SNAPSHOT_RECORDS: "100", ISOLATION: isolation });
    const server = await place.serve();
    const load = await openLoad(server);
    const key = await makePartner(operator(server), "long");
    const stories = new LongStories();
    await stories.begin(new Client(server.url, key));
    await loadAndSnapshots(server, load, 3);
    // The first answers are trimmed from the log by now.
    await place.becomesTrimmed();
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(100);
    await server.kill();
    await load.stop();
    const newest = await Promise.all([0, 1].map(async (shard) => (await place.kept(shard))[0]));

    const next = await place.serve();
    const shards = await snapshotShards(next);
    for (const { shard, recovery } of shards) {
      const head = newest[shard]?.head;
      expect(recovery.snapshot_position).toBe(head && formatLogId(head.id));
      expect(recovery.replayed).toBeLessThan(head?.records ?? 0);
    }
    await stories.goOn(new Client(next.url, key));
    await checkBooks(next.url, load);
  },
);

test.each(RUNNING)(
  "a server killed repeatedly while it takes snapshots and trims (%s, %s) keeps every acknowledged transfer once",
  async (store, isolation) => {
    const settings: Settings = { SNAPSHOT_RECORDS: "20", ISOLATION: isolation };
    const place = await SnapshotPlace.make(store, settings);
    const random = new Random(11);
    let server = await place.serve();
    const load = await openLoad(server);
    let fromSnapshots = 0;
    load.begin(server.url, CALLERS);
    await newSnapshots(server);
    await load.stop();
    for (let kill = 0; kill < KILLS; kill++) {
      load.begin(server.url, CALLERS);
      // The other shard's snapshot comes next, then one of each every second, so the kill happens at any point in
      // between.
      await newSnapshots(server, "any shard");
      await load.moreAcknowledged(1 + random.below(400));
      await server.kill();
      await load.stop();
      server = await place.serve();
      const shards = await snapshotShards(server);
      fromSnapshots += shards.filter(({ recovery }) => recovery.snapshot_position !== null).length;
      await load.settle(server.url);
    }
    expect(fromSnapshots).toBe(KILLS * SHARDS);
    await checkBooks(server.url, load);
  },
  180_000,
);
