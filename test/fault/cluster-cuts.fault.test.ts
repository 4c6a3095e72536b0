/** A log in a Redis Cluster whose network is cut, in namespaces: both ways and one way. */
import { describe, expect, onTestFinished, test } from "vitest";
import { streamKey } from "../../src/wal/open.ts";
import { LEVELS } from "../support/cluster-levels.ts";
import { ASSET, Load } from "../support/load.ts";
import { missingNetwork, Network, type Place } from "../support/network.ts";
import { type ClusterMember, RedisCluster } from "../support/redis-cluster.ts";
import {
  Client,
  MAIN,
  makePartner,
  operator,
  readiness,
  ServerProcess,
  sendUntilDone,
  shardsOf,
  testFolder,
  waitUntilReady,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const KEY = streamKey(1, 0);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
const CALLERS = 8;
const MEMBERS = 9;
/** Of another partner than the load's. */
const ISSUE = { debit_account: "@issuance", credit_account: "witness/a", amount: 7 };
const WITNESS = "/v1/accounts/witness%2Fa";

type Cut = Readonly<{
  network: Network;
  primary: Place;
  server: Place;
  /** All members but the primary. */
  rest: readonly Place[];
}>;

/** Another member takes over, and the server goes on with it. */
const REPLACED: Readonly<Record<string, (cut: Cut) => void>> = {
  "a primary that is cut off from everybody": ({ network, primary, server, rest }) =>
    network.cut([primary], [server, ...rest]),
  "a primary whose packets reach nobody": ({ network, primary, server, rest }) =>
    network.cutWay([primary], [server, ...rest]),
  "a primary that no packet reaches": ({ network, primary, server, rest }) =>
    network.cutWay([server, ...rest], [primary]),
};

/** Nothing can be acknowledged until the network is whole again. */
const ALONE: Readonly<Record<string, (cut: Cut) => void>> = {
  "a primary that is cut off together with the server": ({ network, primary, server, rest }) =>
    network.cut([primary, server], rest),
  "a server whose packets do not reach the primary": ({ network, primary, server }) =>
    network.cutWay([server], [primary]),
  "a server that the primary's packets do not reach": ({ network, primary, server }) =>
    network.cutWay([primary], [server]),
};

const isMissing = missingNetwork() !== undefined;
/** Cuts of one way are the same on all levels. The suite has one of each kind, on the last one. */
const EACH = (isMissing ? [] : LEVELS).map((each, no) => {
  const count = no < LEVELS.length - 1 ? 1 : 2;
  const cutsOf = (cuts: typeof ALONE) => Object.entries(cuts).slice(0, ROUNDS > 1 ? undefined : count);
  return { ...each, replaced: cutsOf(REPLACED), alone: cutsOf(ALONE) };
});

async function launch(place: Place, settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const command = Network.at(place, process.execPath, MAIN);
  const server = ServerProcess.launch({ HOST: place.controlHost, ...settings }, command);
  onTestFinished(async () => void (await server.kill()));
  await server.serving();
  return server;
}

async function begun(program: string) {
  const network = new Network(MEMBERS + 2);
  onTestFinished(() => network.destroy());
  const cluster = await RedisCluster.start(2, { program, network });
  onTestFinished(() => cluster.destroy());
  const [place, other] = network.places.slice(MEMBERS) as [Place, Place];
  const settings = { DATA_DIR: testFolder(), WAL_URL: cluster.url, SHARDS: String(SHARDS) };
  const server = await launch(place, settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  const cutAt = (primary: ClusterMember): Cut => {
    const rest = network.places.slice(0, MEMBERS).filter((each) => each !== primary.place);
    return { network, primary: primary.place as Place, server: place, rest };
  };
  return { network, cluster, server, place, other, load, cutAt };
}

async function expectNoRestarts(server: ServerProcess): Promise<void> {
  await waitUntilReady(operator(server));
  expect((await shardsOf(operator(server))).map(({ restarts }) => restarts)).toEqual([0, 0]);
}

describe.each(EACH)("on a cluster of $level", ({ program, replaced, alone }) => {
  test.each(replaced)(
    "%s is replaced: nothing acknowledged is lost, and no shard restarts",
    async (name, cut) => {
      const { network, cluster, server, load, cutAt } = await begun(program);
      const pausesMs: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        load.begin(server.url, CALLERS);
        await load.moreAcknowledged(100);
        const primary = await cluster.primary(KEY);
        const beganMs = performance.now();
        cut(cutAt(primary));
        await cluster.replaces(primary, KEY);
        await load.moreAcknowledged(300);
        pausesMs.push(Math.round(performance.now() - beganMs));
        network.heal();
        await load.moreAcknowledged(100);
        await load.stop();
        await load.settle(server.url);
        await cluster.becomesWhole();
      }
      console.log(`${name}: 300 more answers after ${pausesMs.join(", ")} ms`);
      await expectNoRestarts(server);
      expect(load.broken).toBe(0);
      await checkBooks(server.url, load);
    },
  );

  test.each(alone)(
    "%s: nothing is acknowledged until the network is whole, and nothing is lost",
    async (_, cut) => {
      const { network, cluster, server, load, cutAt } = await begun(program);
      for (let round = 1; round <= ROUNDS; round++) {
        load.begin(server.url, CALLERS);
        await load.moreAcknowledged(100);
        const primary = await cluster.primary(KEY);
        cut(cutAt(primary));
        await until("it is not ready", async () => (await readiness(operator(server))).status === 503);
        const refused = load.count("not_done");
        await until("callers are refused", () => load.count("not_done") > refused + 20);
        network.heal();
        await load.moreAcknowledged(300);
        await load.stop();
        await load.settle(server.url);
        await cluster.becomesWhole();
      }
      await expectNoRestarts(server);
      await checkBooks(server.url, load);
    },
  );

  test("an owner that is cut off with its primary answers no read and no dry run once another has served", async () => {
    const { network, cluster, server, place, other, load } = await begun(program);
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(100);
    await load.stop();
    const primaries = await Promise.all([0, 1].map((shard) => cluster.primary(streamKey(1, shard))));
    const some = [...new Set(primaries)].map((member) => member.place as Place);
    // With two of three primaries on its side, the owner goes on believing that it sees the cluster.
    const rest = network.places.slice(0, MEMBERS).filter((each) => !some.includes(each));
    const otherKey = await makePartner(operator(server), "other");
    const stale = new Client(server.url, otherKey);
    await sendUntilDone(stale, "/v1/accounts", { id: "witness/a", asset: ASSET });
    expect((await stale.send("GET", WITNESS)).status).toBe(200);
    network.cut([...some, place], [...rest, other]);
    await forceFailover(cluster, primaries);
    const next = await launch(other, { DATA_DIR: testFolder(), WAL_URL: cluster.url });
    const client = new Client(next.url, otherKey);
    expect((await client.send("POST", "/v1/transfers", ISSUE)).status).toBe(201);
    const before = await client.get(WITNESS);
    const asked = [
      stale.send("GET", WITNESS),
      stale.send("GET", "/v1/accounts?prefix=witness"),
      stale.send("GET", "/v1/accounts/@issuance"),
      stale.send("POST", "/v1/transfers?dry_run=true", ISSUE),
      stale.send("POST", "/v1/transfers", ISSUE),
    ].map((answer) => answer.catch(() => undefined));
    await until("it is not ready", async () => (await readiness(operator(server))).status === 503);
    network.heal();
    await within(20_000, "the replaced server ends", server.exited);
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer !== undefined && answer.status < 500)).toEqual([]);
    expect(await client.get(WITNESS)).toEqual(before);
    await checkBooks(next.url, load);
  });
});

/** Without more than half of the primaries nobody elects: replicas of those that are cut off take over by command. */
async function forceFailover(cluster: RedisCluster, primaries: readonly ClusterMember[]): Promise<void> {
  const replicas = new Map<ClusterMember, ClusterMember>();
  for (const primary of primaries)
    for (const member of cluster.members) {
      const view = await member.view();
      const self = view.find(({ isMyself }) => isMyself);
      const above = view.find(({ id }) => id === self?.primaryId);
      if (above?.port === primary.port) replicas.set(primary, member);
    }
  for (const member of replicas.values()) await member.client.call("CLUSTER", "FAILOVER", "TAKEOVER");
}

test.each(isMissing ? ["no namespaces"] : [])("a machine with %s says so", () => {
  expect(missingNetwork()).not.toBe("");
});
