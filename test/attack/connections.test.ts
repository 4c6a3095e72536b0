/**
 * More connections than the server allows, from clients that do not read: only they are refused, and no shard stops.
 */
import { expect, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { makePartner, operator, shardsOf, testFolder } from "../support/server.ts";
import { until } from "../support/until.ts";
import { Bystander, expectServed, MIB, memoryOf, RawSocket, serverWithFiles, wire } from "./raw.ts";

const FILES = 400;
const GROWTH_MAX = 150 * MIB;

async function open(url: string, count: number, localAddress?: string): Promise<readonly RawSocket[]> {
  const sockets = Array.from({ length: count }, () => new RawSocket(url, localAddress));
  return Promise.all(sockets.map((socket) => socket.opened()));
}

test.each(ISOLATIONS)(
  "450 connections that never read, at a file limit of 400: other clients are served, and no shard stops (%s)",
  async (isolation) => {
    const server = await serverWithFiles(FILES, {
      DATA_DIR: testFolder(),
      SHARDS: "2",
      ISOLATION: isolation,
    });
    const admin = operator(server);
    const bystander = await new Bystander(server.url, await makePartner(admin)).open();
    await until("it works", () => bystander.answered > 50);
    bystander.seen();
    const memoryBefore = memoryOf(server.pid);

    const attack = await open(server.url, 450);
    for (const socket of attack) socket.write(wire("GET", "/openapi.json", "").repeat(8));
    await until("shards have been asked how they are", () => bystander.answered > 200);
    // Time for metrics to be read from every shard: once, a lack of descriptors stopped a shard there.
    const enoughMs = performance.now() + 3_000;
    await until("some seconds have passed", () => performance.now() > enoughMs);
    const during = bystander.seen();
    expectServed(during);
    expect((await shardsOf(admin)).map(({ status, restarts }) => [status, restarts])).toEqual([
      ["ready", 0],
      ["ready", 0],
    ]);
    expect(memoryOf(server.pid) - memoryBefore).toBeLessThan(GROWTH_MAX);

    // A restart needs file descriptors, with threads and with processes.
    expect((await admin.send("POST", "/v1/admin/shards/1/restart")).status).toBe(202);
    await until("the shard is back", async () => (await shardsOf(admin))[1]?.restarts === 1);
    await until("it serves", async () => (await shardsOf(admin))[1]?.status === "ready");

    for (const { socket } of attack) socket.destroy();
    const [again] = await open(server.url, 1);
    await until("refused clients are served", async () => {
      const socket = new RawSocket(server.url).read().write(wire("GET", "/healthz", ""));
      await until("an answer", () => socket.statuses.length > 0);
      return socket.statuses[0] === "200";
    });
    again?.socket.destroy();
    await bystander.stop();
  },
);
