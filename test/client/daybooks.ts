/** Clients of real servers, and servers that behave badly. */
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createDaybook, type Daybook } from "../../clients/typescript/src/index.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { OPERATOR_KEY, ServerProcess, type Settings } from "../support/server.ts";

export type World = Readonly<{
  server: ServerProcess;
  operator: Daybook;
  /** A client of a new partner. */
  newPartner(): Promise<Daybook>;
  newKey(): Promise<string>;
}>;

/** A server for all tests of a file. */
export function sharedWorld(settings: Settings = {}): World {
  const dir = makeScratchFolder("daybook-client");
  const server = ServerProcess.launch({ DATA_DIR: dir, SHARDS: "1", ...settings });
  beforeAll(() => server.serving());
  afterAll(async () => {
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  });
  let partners = 0;
  const world = {
    server,
    get operator() {
      return createDaybook({ url: server.url, key: OPERATOR_KEY });
    },
    newPartner: async () => createDaybook({ url: server.url, key: await world.newKey() }),
    newKey: () => makeKey(world.operator, `partner-${++partners}`),
  };
  return world;
}

/** A new partner's key. */
export async function makeKey(operator: Daybook, id: string): Promise<string> {
  const { api_key: key } = await operator.post("/v1/partners", { body: { id, name: id } });
  return key ?? "";
}

/** A request as it arrived. */
export type Seen = Readonly<{ method: string; url: string; key: string | undefined; body: string }>;

export type Reply = (response: ServerResponse, request: IncomingMessage) => void;

export type FakeServer = Readonly<{ url: string; seen: readonly Seen[] }>;

/** A server that gives these replies, one after the other; the last one again and again. */
export async function fakeServer(...replies: readonly Reply[]): Promise<FakeServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => void answer(request, response));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const reply = replies[Math.min(seen.length, replies.length - 1)];
    const { method = "", url = "", headers } = request;
    seen.push({ method, url, key: headers["idempotency-key"]?.toString(), body });
    reply?.(response, request);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

export function problem(
  status: number,
  code: string,
  retryable: boolean,
  headers: Record<string, string> = {},
): Reply {
  const body = { type: `/problems/${code}`, title: code, status, code, detail: `it is ${code}`, retryable };
  return json(status, body, { "Content-Type": "application/problem+json", ...headers });
}

/** Breaks the connection without an answer. */
export const cut: Reply = (response) => void response.destroy();

/** Breaks the connection in the middle of an answer. */
export const cutInside: Reply = (response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
  response.write('{"id": ', () => response.destroy());
};

/** Never answers. */
export const silent: Reply = () => {};

/** A port that nobody listens on at present. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
