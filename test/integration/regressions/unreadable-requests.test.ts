/** Requests that never reach the app get a problem too, with a Request-Id that the request log contains. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { ServerProcess, testFolder, within } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({ LOG_LEVEL: "info" });
let key: string;

beforeAll(async () => {
  key = await house.newPartner("acme");
});

type Raw = Readonly<{ status: number; headers: ReadonlyMap<string, string>; body: string }>;

/** All answers on one connection until the server closes it. `later` is sent in a separate packet. */
async function exchange(text: string, url = house.server.url, later = ""): Promise<readonly Raw[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    received += chunk;
  });
  const ended = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  socket.write(text, () => later !== "" && setImmediate(() => socket.write(later)));
  await within(15_000, `the connection ends after ${JSON.stringify(text.slice(0, 60))}`, ended);
  return answersIn(received);
}

function answersIn(text: string): Raw[] {
  const answers: Raw[] = [];
  for (let rest = text; rest !== ""; ) {
    const end = rest.indexOf("\r\n\r\n");
    const [first = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(":")).toLowerCase(),
        line.slice(line.indexOf(":") + 2),
      ]),
    );
    const bodyEnd = end + 4 + Number(headers.get("content-length") ?? 0);
    answers.push({ status: Number(first.split(" ")[1]), headers, body: rest.slice(end + 4, bodyEnd) });
    rest = rest.slice(bodyEnd);
  }
  return answers;
}

/** Expects the last answer to be this problem. */
function expectProblem(answers: readonly Raw[], status: number, code: string): void {
  const last = answers.at(-1);
  expect(last?.status).toBe(status);
  expect(last?.headers.get("content-type")).toBe("application/problem+json");
  expect(last?.headers.get("x-content-type-options")).toBe("nosniff");
  expect(last?.headers.get("cache-control")).toBe("no-store");
  expect(last?.headers.get("request-id")).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  const problem = JSON.parse(last?.body ?? "") as object;
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, code });
  expect(Object.keys(problem)).toEqual(expect.arrayContaining(["title", "detail", "retryable"]));
}

const LONG = "x".repeat(20_000);
const CHUNKED = "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";

test.each([
  ["text that is not HTTP", "hello\r\n\r\n", 400, "validation_failed"],
  ["an unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "validation_failed"],
  ["a malformed header", "GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", 400, "validation_failed"],
  ["a request without Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "validation_failed"],
  ["a malformed Host", "GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400, "validation_failed"],
  [
    "a malformed request target",
    "GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    400,
    "validation_failed",
  ],
  ["a too long header", `GET / HTTP/1.1\r\nHost: x\r\nX: ${LONG}\r\n\r\n`, 431, "headers_too_large"],
  ["a too long request target", `GET /${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "headers_too_large"],
  [
    "an unsupported expectation",
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n",
    417,
    "expectation_failed",
  ],
  ["a CONNECT request", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"],
])("%s gets a problem", async (_, text, status, code) => {
  expectProblem(await exchange(text), status, code);
});

test("an unreadable body is answered by its route, whether the fault comes before or after reading starts", async () => {
  const head = `${CHUNKED}Authorization: Bearer ${key}\r\nContent-Type: application/json\r\n\r\n`;
  expectProblem(await exchange(`${head}1;${LONG}`), 413, "body_too_large");
  expectProblem(await exchange(`${head}zz\r\n`), 400, "validation_failed");
  expectProblem(await exchange(head, house.server.url, "zz\r\n"), 400, "validation_failed");
  expectProblem(await exchange(`${CHUNKED}\r\nzz\r\n`), 401, "unauthenticated");
});

test("headers that do not arrive in time get 408", async () => {
  expectProblem(await exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n"), 408, "request_timeout");
});

test("HTTP/1.0 without Host is served, because load balancers send such health checks", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const [answer] = await exchange(`GET ${path} HTTP/1.0\r\n\r\n`);
    expect([answer?.status, answer?.headers.get("content-type")]).toEqual([200, "application/json"]);
  }
});

test("an Upgrade header is ignored, and a method that a route lacks gets 405 with Allow", async () => {
  const upgrade =
    "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
  expect((await exchange(upgrade)).map(({ status }) => status)).toEqual([200]);
  for (const method of ["PROPFIND", "TRACE", "PUT"]) {
    const answers = await exchange(`${method} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expectProblem(answers, 405, "method_not_allowed");
    expect(answers[0]?.headers.get("allow")).toBe("GET, HEAD");
  }
});

test("garbage after a request is answered after that request", async () => {
  const body = JSON.stringify({ id: "piped", asset: "PTS/0" });
  const head = `POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
  const answers = await exchange(`${head}Content-Length: ${body.length}\r\n\r\n${body}garbage\r\n\r\n`);
  expect(answers.map(({ status }) => status)).toEqual([201, 400]);
  expectProblem(answers, 400, "validation_failed");
});

test("an unreadable request has a log line with its Request-Id", async () => {
  const [answer] = await exchange("hello\r\n\r\n");
  const id = answer?.headers.get("request-id");
  await expect
    .poll(() => house.server.stdout.split("\n").find((line) => line.includes(`"request_id":"${id}"`)))
    .toContain('"status":400');
});

test("before the log is available, every request gets the same form of problem", async () => {
  const port = await freePort();
  const settings = { PORT: String(port), WAL_URL: "redis://127.0.0.1:1", DATA_DIR: testFolder() };
  const server = ServerProcess.launch({ ...settings, SHARDS: "1" });
  onTestFinished(async () => void (await server.kill()));
  const url = `http://127.0.0.1:${port}`;
  await until(
    "the port is bound",
    async () => (await exchange(getRequest("/healthz"), url))[0]?.status === 200,
  );
  for (const path of ["/readyz", "/v1/accounts", "/nothing"])
    expectProblem(await exchange(getRequest(path), url), 503, "log_unavailable");
  expectProblem(await exchange("hello\r\n\r\n", url), 400, "validation_failed");
  expect((await exchange("GET /healthz HTTP/1.0\r\n\r\n", url))[0]?.status).toBe(200);
});

function getRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
