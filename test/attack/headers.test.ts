/** Requests that a proxy and the server could interpret differently. */
import { beforeAll, expect, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { within } from "../support/server.ts";
import { RawSocket } from "./raw.ts";

const house = startTestServer({ SHARDS: "1" });
let key: string;

beforeAll(async () => {
  key = await house.newPartner("acme");
});

/** All answers of the server, until it closes the connection. */
async function answerTo(text: string): Promise<string> {
  const socket = new RawSocket(house.server.url).read().write(text);
  await within(15_000, "the server ends the connection", socket.closed);
  return socket.text;
}

const BODY = '{"id":"twice","asset":"PTS/0"}';
const OTHER = "Bearer dk_partner_00000000000000000000000000000000";

test.each([
  ["two keys", () => [`Authorization: ${OTHER}`]],
  ["two hosts", () => ["Host: other.example"]],
  ["two types", () => ["Content-Type: application/msgpack"]],
  ["the same type twice, in other case", () => ["CONTENT-TYPE: application/json"]],
  ["two lengths", () => ["Content-Length: 3"]],
  ["a length and chunks", () => ["Transfer-Encoding: chunked"]],
])("a request with %s is refused and not executed", async (_, more) => {
  const headers = [
    "Host: x",
    `Authorization: Bearer ${key}`,
    "Content-Type: application/json",
    `Content-Length: ${BODY.length}`,
    "Connection: close",
    ...more(),
  ];
  const answer = await answerTo(`POST /v1/accounts HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n${BODY}`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('"code":"validation_failed"');
  const acme = house.caller(key);
  await acme.refused("GET", "/v1/accounts/twice", 404, "account_not_found");
});
