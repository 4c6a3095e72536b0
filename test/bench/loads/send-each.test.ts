import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { sendEach } from "./send-each.ts";

/** A server that answers with 201, or from this request on with 409. @returns its url and the bodies it got */
async function listen(refusesFrom = Number.POSITIVE_INFINITY) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      bodies.push(body);
      response.writeHead(bodies.length > refusesFrom ? 409 : 201, { "Content-Length": 2 }).end("{}");
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

const bodyOf = (i: number) => `{"id":${i}}`;

test("each request is sent once", async () => {
  const { url, bodies } = await listen();
  await sendEach({ url, path: "/v1/accounts", token: "t", connections: 8, count: 100, bodyOf });
  const sent = Array.from({ length: 100 }, (_, i) => bodyOf(i));
  expect(bodies.toSorted()).toEqual(sent.toSorted());
});

test("an answer other than 201 fails all", async () => {
  const { url } = await listen(10);
  const sent = sendEach({ url, path: "/v1/accounts", token: "t", connections: 2, count: 100, bodyOf });
  await expect(sent).rejects.toThrow(": 409");
});
