/**
 * Bodies that are cheap to send and expensive to read. Each is refused with one problem, and delays no other partner.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { Client, within } from "../support/server.ts";
import { until } from "../support/until.ts";
import { Bystander, expectServed, MIB, memoryOf, RawSocket } from "./raw.ts";

/**
 * Upper bound on the memory of a server with one gateway and three shards after all these tests: 350 MiB when it has
 * started, 224 MiB of bodies that arrive or wait, 560 MiB for the heap of the thread that reads large batches.
 */
const BYTES_MAX = 1_134 * MIB;
const BATCH = "/v1/transfers/batch";
const LOGIN = "/v1/wallet/login";

const house = startTestServer({ ISOLATION: "threads" });
let key: string;
let attacker: Client;
let othersKey: string;

beforeAll(async () => {
  key = await house.newPartner("attacker");
  attacker = house.caller(key).client;
  othersKey = await house.newPartner("other");
});

/**
 * Runs `attack` while another partner works: its requests are answered, and the server's memory stays within its bound.
 */
async function expectOthersServedWhile(attack: () => Promise<void>): Promise<void> {
  const bystander = await new Bystander(house.server.url, othersKey).open();
  await attack();
  await bystander.stop();
  expectServed(bystander.seen());
  expect(memoryOf(house.server.pid)).toBeLessThan(BYTES_MAX);
}

function repeated(text: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, text);
}

/** 8 MiB of MessagePack: one item that is a list of empty maps. */
function emptyMaps(): Buffer {
  const head = Buffer.from([0x91, 0xdd, 0, 0, 0, 0]);
  const maps = Buffer.alloc(8 * MIB - head.length, 0x80);
  head.writeUInt32BE(maps.length, 2);
  return Buffer.concat([head, maps]);
}

const JSON_TYPE = "application/json";
const LINES = "application/x-ndjson";
const PACKED = "application/msgpack";

const BODIES: readonly (readonly [string, string, string, () => Buffer, number])[] = [
  ["a megabyte of brackets to a login", LOGIN, JSON_TYPE, () => repeated("[", MIB), 413],
  ["a long e-mail to a login", LOGIN, JSON_TYPE, () => repeated("x", 17_000), 413],
  ["16 KiB of brackets to a login", LOGIN, JSON_TYPE, () => repeated("[", 16_000), 400],
  ["brackets to a transfer", "/v1/transfers", JSON_TYPE, () => repeated("[", MIB), 400],
  ["nested members to a transfer", "/v1/transfers", JSON_TYPE, () => repeated('{"a":', MIB), 400],
  ["empty lists to a transfer", "/v1/transfers", JSON_TYPE, () => repeated("[],", MIB), 413],
  ["brackets to a batch", BATCH, JSON_TYPE, () => repeated("[", 8 * MIB), 400],
  ["empty lists to a batch", BATCH, JSON_TYPE, () => repeated("[],", 8 * MIB), 413],
  ["members to a batch", BATCH, JSON_TYPE, () => repeated('{"":0},', 8 * MIB), 413],
  ["a line of empty lists", BATCH, LINES, () => repeated("[],", 8 * MIB), 413],
  ["lines of empty lists", BATCH, LINES, () => repeated(`[${"[],".repeat(300)}[]]\n`, 8 * MIB), 413],
  ["empty maps of MessagePack", BATCH, PACKED, emptyMaps, 413],
  ["nested arrays of MessagePack", BATCH, PACKED, () => repeated("\x91", 8 * MIB), 400],
  [
    "a name as long as the body",
    BATCH,
    JSON_TYPE,
    () => Buffer.from(`{"${"x".repeat(8 * MIB - 10)}":1}`),
    400,
  ],
];

describe.each(BODIES)("%s", (_, path, type, makeBody, status) => {
  test("is refused with a short answer, four times in parallel, while another partner works", async () => {
    const body = makeBody();
    await expectOthersServedWhile(async () => {
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => attacker.send("POST", path, body, { "Content-Type": type })),
      );
      for (const answer of answers) {
        expect(answer.status, answer.text.slice(0, 1000)).toBe(status);
        expect(answer.text.length).toBeLessThan(1000);
      }
    });
  });
});

function headOf(path: string, ...headers: readonly string[]): string {
  const all = ["Host: x", `Authorization: Bearer ${key}`, "Content-Type: application/json", ...headers];
  return `POST ${path} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n`;
}

test("a body in pieces of one byte is refused", async () => {
  await expectOthersServedWhile(async () => {
    const socket = new RawSocket(house.server.url).read();
    socket.write(headOf(BATCH, "Transfer-Encoding: chunked", "Connection: close"));
    socket.write("1\r\n \r\n".repeat(MIB));
    await within(30_000, "the server ends the connection", socket.closed);
    expect(socket.text).toMatch(/^HTTP\/1.1 400 .*too many small pieces/s);
  });
});

test("bodies that never end use bounded memory, which is freed", async () => {
  const announced = 8 * MIB;
  const sockets = Array.from({ length: 300 }, () => new RawSocket(house.server.url).read());
  const refused = () => sockets.filter(({ statuses }) => statuses.includes("503")).length;
  await expectOthersServedWhile(async () => {
    const part = " ".repeat(MIB);
    for (const socket of sockets) socket.write(headOf(BATCH, `Content-Length: ${announced}`)).write(part);
    await until("the largest are refused", () => refused() >= 100, 60_000);
  });
  for (const { socket } of sockets) socket.destroy();
  // Their memory is free again: another large body is accepted.
  await attacker.send("POST", "/v1/accounts", { id: "own", asset: "PTS/0" });
  const good = { debit_account: "@issuance", credit_account: "own", amount: 1, memo: "x" };
  const many = JSON.stringify({ transfers: Array.from({ length: 10_000 }, () => good) }).padEnd(7 * MIB);
  await until("it is taken", async () => (await attacker.send("POST", BATCH, many)).status === 200);
});

test("large batches beyond the limit are refused, and accepted ones are executed, while another partner works", async () => {
  await attacker.send("POST", "/v1/accounts", { id: "much", asset: "PTS/0" });
  const memo = "m".repeat(250);
  const item = { debit_account: "@issuance", credit_account: "much", amount: 1, memo };
  const many = Buffer.from(JSON.stringify({ transfers: Array.from({ length: 10_000 }, () => item) }));
  const crowd = new Client(house.server.url, key, 40);
  await expectOthersServedWhile(async () => {
    // A client that is refused while it sends may find its connection closed before it reads the reason.
    const sendings = Array.from({ length: 40 }, () => crowd.send("POST", BATCH, many));
    const settled = await Promise.allSettled(sendings);
    const answers = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const taken = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 503);
    expect(taken.length + refused.length).toBe(answers.length);
    expect(taken.length).toBeGreaterThan(4);
    for (const { text } of refused) expect(JSON.parse(text)).toMatchObject({ retryable: true });
    crowd.close();
  });
});
