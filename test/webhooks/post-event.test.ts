/** One request to an endpoint, over real sockets. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type LookupFunction } from "node:net";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { agentFor, type PostOptions, postEvent, type TryResult } from "../../src/webhooks/post-event.ts";
import { publicLookup } from "../../src/webhooks/public-address.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY = '{"id":"ev_1","type":"transfer.posted"}';
const PRIVATE_ALLOWED: PostOptions = { allowPrivate: true, nowMs: Date.now() };

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

async function endpoint(answers: Answering): Promise<string> {
  const server = createServer(answers);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

/** A TCP server that counts its connections. */
async function listener(): Promise<Readonly<{ port: number; bytes: () => number }>> {
  let bytes = 0;
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      bytes += data.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes };
}

async function post(url: string, options: PostOptions = PRIVATE_ALLOWED, body = BODY): Promise<TryResult> {
  const agent = agentFor(url);
  onTestFinished(() => agent.destroy());
  return postEvent({ url, secrets: [SECRET], agent }, "ev_1", body, options);
}

/** Answers with these addresses, one list after the other. */
function resolving(...answers: readonly (readonly string[])[]): LookupFunction {
  let asked = 0;
  return publicLookup(async () => answers[Math.min(asked++, answers.length - 1)] ?? []);
}

/** Answers with a private address, as a lookup that checks nothing. */
const unchecked: LookupFunction = (_, options, callback) => {
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

describe("a request to an endpoint", () => {
  test("is signed, and Standard Webhooks' own verifier accepts it", async () => {
    let verified: unknown;
    const url = await endpoint((request, response) => {
      request.setEncoding("utf8").on("data", (body: string) => {
        verified = new Webhook(SECRET).verify(body, request.headers as Record<string, string>);
        response.writeHead(200).end("thanks");
      });
    });
    expect(await post(url)).toEqual({ status: 200, answer: "thanks" });
    expect(verified).toEqual(JSON.parse(BODY));
  });

  test("is not answered by a redirect, which is not followed", async () => {
    const urls: (string | undefined)[] = [];
    const url = await endpoint((request, response) => {
      urls.push(request.url);
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end();
    });
    expect(await post(url)).toEqual({ status: 302, answer: "" });
    expect(urls).toEqual(["/hook"]);
  });

  test("ends after its time without an answer, or with one that never ends", async () => {
    const silent = await endpoint(() => {});
    const endless = await endpoint((_, response) => {
      response.writeHead(200).write("first");
    });
    for (const url of [silent, endless])
      expect(await post(url, { ...PRIVATE_ALLOWED, tryMsMax: 100 })).toEqual({
        status: null,
        answer: "no answer within 0.1 s",
      });
  });

  test("reads no more than the beginning of an answer", async () => {
    let written = 0;
    const url = await endpoint((_, response) => {
      const more = (): void => {
        while (written < 100_000_000 && response.write("x".repeat(10_000))) written += 10_000;
      };
      response.on("drain", more).on("error", () => {});
      more();
    });
    const { status, answer } = await post(url);
    expect([status, answer]).toEqual([200, "x".repeat(512)]);
    expect(written).toBeLessThan(50_000_000);
  });

  test("is repeated at once if an idle connection was closed at that moment", async () => {
    let requests = 0;
    const url = await endpoint((request, response) => {
      requests += 1;
      if (requests === 2) request.socket.resetAndDestroy();
      else response.writeHead(204).end();
    });
    const agent = agentFor(url);
    onTestFinished(() => agent.destroy());
    const send = () => postEvent({ url, secrets: [SECRET], agent }, "ev_1", BODY, PRIVATE_ALLOWED);
    expect(await send()).toEqual({ status: 204, answer: "" });
    expect(await send()).toEqual({ status: 204, answer: "" });
    expect(requests).toBe(3);
  });

  test("says why there was no answer", async () => {
    expect((await post("http://127.0.0.1:1/")).answer).toContain("ECONNREFUSED");
  });
});

describe("without private addresses, a request", () => {
  const PUBLIC_ONLY: PostOptions = { allowPrivate: false, nowMs: 0 };

  test.each([
    ["https://127.0.0.1:1/", "private or reserved"],
    ["https://169.254.169.254/latest/meta-data", "private or reserved"],
    ["https://[::ffff:127.0.0.1]/", "private or reserved"],
    ["https://[64:ff9b::7f00:1]/", "private or reserved"],
    ["https://user:secret@example.com/", "user name"],
    ["http://example.com/", "https"],
  ])("to %s is not sent", async (url, reason) => {
    const { status, answer } = await post(url, PUBLIC_ONLY);
    expect(status).toBeNull();
    expect(answer).toContain(reason);
  });

  test.each([
    ["127.0.0.1"],
    ["169.254.169.254"],
    ["::ffff:10.0.0.1"],
    ["0.0.0.0"],
    ["100.64.1.1"],
    ["fe80::1"],
  ])("to a name that resolves to %s is not sent, even if other addresses are public", async (address) => {
    for (const addresses of [[address], ["93.184.216.34", address]]) {
      const lookup = resolving(addresses);
      expect((await post("https://rebound.example/", { ...PUBLIC_ONLY, lookup })).answer).toBe(
        "rebound.example is not a public address",
      );
    }
  });

  test("resolves a name once: the socket gets the addresses that were checked, whatever DNS says later", async () => {
    const lookup = resolving(["93.184.216.34", "2606:4700::1111"], ["127.0.0.1"]);
    const look = () =>
      new Promise((resolve) => {
        lookup("rebound.example", { all: true }, (error, found) => resolve(error?.message ?? found));
      });
    expect(await look()).toEqual([
      { address: "93.184.216.34", family: 4 },
      { address: "2606:4700::1111", family: 6 },
    ]);
    expect(await look()).toBe("rebound.example is not a public address");
  });

  test("sends no byte if the address that it is connected to is private after all", async () => {
    const { port, bytes } = await listener();
    const { answer } = await post(`https://rebound.example:${port}/`, { ...PUBLIC_ONLY, lookup: unchecked });
    expect(answer).toBe("rebound.example is not a public address");
    expect(bytes()).toBe(0);
  });
});
