/** Who may use the port of the old addresses, and when it is open. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces } from "node:os";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { refusedStart, testFolder, testServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import type { Caller } from "../programmes/test-server.ts";
import { CURL, OldClient, oldUrlOf, startOldServer } from "./old-client.ts";

const PATH = "/segment/user/1";

describe("the port of the old addresses", () => {
  const house = startOldServer({ GATEWAYS: "2", LOG_LEVEL: "info" });
  const client = new OldClient(() => oldUrlOf(house), CURL);
  let operator: Caller;

  beforeAll(() => {
    operator = house.caller("operator-key-for-tests-0123456789abcdef");
  });

  test("without the partner nothing is begun; one that is suspended is 403", async () => {
    expect(await client.statusOf("POST", "/user")).toBe(404);
    const body = { name: "early", email: "early@localhost.ru", password: "Pa$$w0rd" };
    expect(await client.statusOf("POST", "/api/signup", body)).toBe(404);
    await house.partner("acme");
    expect(await client.statusOf("POST", "/api/signup", body)).toBe(200);
    await operator.ask("PATCH", "/v1/partners/acme", 200, { status: "suspended" });
    expect(await client.statusOf("POST", "/user")).toBe(403);
    await operator.ask("PATCH", "/v1/partners/acme", 200, { status: "active" });
    expect(await client.ask("POST", "/user")).toEqual([201, { user_id: 1 }]);
  });

  test.each([
    ["Forwarded", "for=10.0.0.1"],
    ["X-Forwarded-For", "10.0.0.1"],
    ["X-Forwarded-Host", "example.com"],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded", "yes"],
    ["X-Real-IP", "10.0.0.1"],
    ["Via", "1.1 proxy"],
    ["X-Client-IP", "10.0.0.1"],
    ["True-Client-IP", "10.0.0.1"],
    ["CF-Connecting-IP", "10.0.0.1"],
    ["X-Envoy-External-Address", "10.0.0.1"],
    ["Proxy-Connection", "keep-alive"],
  ])("a request with %s is refused with one sentence", async (name, value) => {
    for (const path of ["/user", "/no-such-path"]) {
      const [status, body] = await client.ask("POST", path, undefined, { [name]: value });
      expect([status, body]).toMatchObject([
        403,
        { detail: "This address does not answer requests that a proxy has forwarded." },
      ]);
    }
  });

  test("only loopback names are hosts, so a name that resolves to 127.0.0.1 leads nowhere", async () => {
    for (const host of ["localhost", "LocalHost:5000", "127.0.0.1", "127.0.0.1:8080", "[::1]:5000"])
      expect(await client.statusOf("GET", PATH, undefined, { Host: host }), host).toBe(200);
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.nip.io:5000",
      "127.0.0.2",
      "0.0.0.0",
      "10.0.0.1",
    ])
      expect(await client.statusOf("GET", PATH, undefined, { Host: host }), host).toBe(403);
  });

  test("pages of other sites are refused, pages of this host are not", async () => {
    const statusFor = (headers: Readonly<Record<string, string>>) =>
      client.statusOf("POST", "/user", undefined, { Host: "localhost:5000", ...headers });
    expect(await statusFor({ Origin: "https://evil.example" })).toBe(403);
    expect(await statusFor({ Origin: "null" })).toBe(403);
    expect(await statusFor({ Origin: "http://localhost:3000" })).toBe(403);
    expect(await statusFor({ "Sec-Fetch-Site": "cross-site" })).toBe(403);
    expect(await statusFor({ "Sec-Fetch-Site": "same-site" })).toBe(403);
    expect(await statusFor({ Origin: "http://localhost:5000", "Sec-Fetch-Site": "same-origin" })).toBe(201);
    expect(await statusFor({ "Sec-Fetch-Site": "none" })).toBe(201);
    const preflight = await client.send("OPTIONS", "/user", undefined, { Origin: "http://localhost:3000" });
    expect(preflight.status).toBe(403);
    expect(preflight.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("a refused request changes nothing", async () => {
    const { user_id: before } = await client.json("POST", "/user");
    for (let i = 0; i < 5; i++) await client.send("POST", "/user", undefined, { Via: "1.1 proxy" });
    expect(await client.json("POST", "/user")).toEqual({ user_id: Number(before) + 1 });
  });

  test("other addresses of this machine do not answer", async () => {
    const { port } = new URL(oldUrlOf(house));
    const others = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal);
    for (const { address } of others)
      await expect(new OldClient(() => `http://${address}:${port}`).send("GET", "/")).rejects.toThrow(
        "ECONNREFUSED",
      );
    await expect(new OldClient(() => `http://[::1]:${port}`).send("GET", "/")).rejects.toThrow(
      "ECONNREFUSED",
    );
  });

  test("/v1 is not served here, and the old addresses are not served by any gateway of the main port", async () => {
    expect(await client.statusOf("GET", "/v1/partners")).toBe(404);
    for (let i = 0; i < 8; i++)
      expect(await new OldClient(() => house.server.url).statusOf("POST", "/user")).toBe(404);
  });

  test("bodies are bounded, and guesses of codes and passwords limited, as on the main port", async () => {
    const large = `{"slug": "${"A".repeat(1024 * 1024)}"}`;
    expect(await client.statusOf("POST", "/vouchers/validate", large)).toBe(413);
    await house.caller(await keyOfAcme()).post("/v1/customers", 201, { email: "guess@gmail.com" });
    const guess = { email: "guess@gmail.com", code: "ABCDEFGHJKMNPQ" };
    const statuses = new Set<number>();
    for (let i = 0; i < 55; i++) statuses.add(await client.statusOf("POST", "/vouchers/validate", guess));
    expect(statuses).toEqual(new Set([500, 429]));
    const limited = await client.send("POST", "/vouchers/validate", guess);
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    const login = { email: "nobody@localhost.ru", password: "wrong password" };
    const logins: number[] = [];
    const stranger = new OldClient(() => oldUrlOf(house), CURL);
    for (let i = 0; i < 11; i++) logins.push(await stranger.statusOf("POST", "/api/login", login));
    expect(logins).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
  });

  async function keyOfAcme(): Promise<string> {
    const made = await operator.post("/v1/partners/acme/keys", 201, { role: "partner" });
    return String(made["api_key"]);
  }

  test("request lines name the old route and the partner, and no body", () => {
    const lines = house.server.stdout.split("\n").filter((line) => line.includes("/vouchers/validate"));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.some((line) => line.includes("acme"))).toBe(true);
    expect(house.server.stdout).not.toContain("guess@gmail.com");
  });
});

test("without the settings there is no such port", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
  expect(server.stdout).not.toContain("old addresses");
});

test("it takes as many connections as one address may open, and answers the next with 503", async () => {
  const server = await testServer({
    DATA_DIR: testFolder(),
    SHARDS: "1",
    LEGACY_PARTNER: "acme",
    LEGACY_PORT: "0",
    CONNECTIONS_MAX: "32",
    CONNECTIONS_PER_ADDRESS: "16",
  });
  const url = /old addresses on (\S+),/.exec(server.stdout)?.[1] ?? "";
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: 16 }, () => connect(Number(port), hostname));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  await until(
    "the next one is refused",
    async () => (await new OldClient(() => url).statusOf("GET", "/")) === 503,
  );
  // The main port has its own.
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

test("HTTP/1.0 without a Host is refused, since any name may have led here", async () => {
  const server = await testServer({
    DATA_DIR: testFolder(),
    SHARDS: "1",
    LEGACY_PARTNER: "acme",
    LEGACY_PORT: "0",
  });
  const { hostname, port } = new URL(/old addresses on (\S+),/.exec(server.stdout)?.[1] ?? "");
  for (const head of ["POST /user HTTP/1.0", "POST http://localhost/user HTTP/1.1\r\nHost: localhost"]) {
    const socket = connect(Number(port), hostname);
    socket.write(`${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const pieces: Buffer[] = [];
    for await (const piece of socket) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 403 /);
  }
});

test("a port that is in use stops the start with one line", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const settings = { DATA_DIR: testFolder(), SHARDS: "1", LEGACY_PARTNER: "acme", LEGACY_PORT: `${port}` };
  const { code, lines } = await refusedStart(settings);
  expect(code).toBe(1);
  expect(lines).toEqual([
    `daybook: LEGACY_PORT: 127.0.0.1:${port} is in use (EADDRINUSE): stop the program that has it, or take another port; 0 takes any free one`,
  ]);
});

test.each([
  [{ LEGACY_PARTNER: "acme" }, "LEGACY_PARTNER needs LEGACY_PORT: set both, or none of them"],
  [{ LEGACY_PORT: "5000" }, "LEGACY_PORT needs LEGACY_PARTNER: set both, or none of them"],
])("half of the settings stops the start with one line: %j", async (settings, reason) => {
  const { code, lines } = await refusedStart({ DATA_DIR: testFolder(), SHARDS: "1", ...settings });
  expect([code, lines]).toEqual([1, [`daybook: bad configuration: ${reason}`]]);
});
