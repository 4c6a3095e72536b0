/**
 * A server that parses JSON and echoes it: the limit of HTTP itself. `node echo.ts http|hono ANSWER`: Hono also answers a
 * GET of an account with this JSON.
 */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";

const plain: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    response.writeHead(201, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
    });
    response.end(body);
  });
};

function honoListener(): RequestListener {
  const app = new Hono();
  app.post("/v1/transfers", async (c) => c.json(await c.req.json(), 201));
  const answer = JSON.parse(process.argv[3] ?? "{}") as object;
  app.get("/v1/accounts/:id", (c) => c.json(answer));
  const listener = getRequestListener(app.fetch);
  return (request, response) => void listener(request, response);
}

const server = createServer(process.argv[2] === "hono" ? honoListener() : plain);
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listens on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
