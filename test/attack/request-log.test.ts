/** The log contains no secrets from request paths, and loses no line while passwords are hashed. */
import { expect, test } from "vitest";
import { Client, makePartner, operator, testFolder, testServer } from "../support/server.ts";
import { until } from "../support/until.ts";

type Line = Readonly<{ msg?: string; request_id?: string; route?: string }>;

function linesOf(stdout: string): readonly Line[] {
  const whole = stdout.slice(0, stdout.lastIndexOf("\n") + 1).split("\n");
  return whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
}

test.each(["1", "2"])(
  "with %s gateways no line contains a path, and none is lost while passwords are hashed",
  async (gateways) => {
    const server = await testServer({
      DATA_DIR: testFolder(),
      SHARDS: "1",
      GATEWAYS: gateways,
      LOG_LEVEL: "info",
    });
    const admin = operator(server);
    const partner = new Client(server.url, await makePartner(admin));
    const stranger = new Client(server.url, "none");
    const secrets = ["ann@example.com", "7QK3MWPA2XHT9C", "09121234567", "WyJhY21lIl0.c2lnbmF0dXJl"];
    const paths = [
      `/v1/users/${secrets[0]}/segments`,
      `/v1/phones/${secrets[2]}`,
      `/segment-reports/${secrets[3]}`,
      `/nothing/${secrets[3]}`,
    ];
    const guesses = Array.from({ length: 24 }, (_, i) =>
      stranger.send("POST", "/v1/wallet/login", { email: `u${i}@example.com`, password: "wrong" }),
    );
    const reads = Array.from({ length: 400 }, (_, i) =>
      partner.send("GET", paths[i % paths.length] as string),
    );
    const redeemed = partner.send("POST", `/v1/vouchers/${secrets[1]}/redeem`, {
      customer_email: secrets[0],
    });
    const answers = await Promise.all([...guesses, ...reads, redeemed]);
    const ids = new Set(answers.map(({ headers }) => String(headers["request-id"])));
    await until("each request has its line", () => {
      const logged = new Set(linesOf(server.stdout).map((line) => line.request_id));
      return [...ids].every((id) => logged.has(id));
    });
    const routes = new Set(
      linesOf(server.stdout).flatMap(({ route }) => (route === undefined ? [] : [route])),
    );
    expect([...routes]).toEqual(
      expect.arrayContaining([
        "/v1/users/{id}/segments",
        "/v1/phones/{phone}",
        "/v1/vouchers/{code}/redeem",
        "/segment-reports/{report}",
        "unknown",
      ]),
    );
    for (const secret of secrets) expect(server.stdout).not.toContain(secret);
    const { text } = await admin.send("GET", "/metrics");
    expect(text).toMatch(/^daybook_request_lines_dropped_total 0$/m);
    for (const client of [admin, partner, stranger]) client.close();
  },
);

test("if stdout is not read, lines are lost and counted, and requests are not delayed", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "1", LOG_LEVEL: "info" });
  const admin = operator(server);
  server.stopReading();
  const longest = await Array.from({ length: 60 }).reduce<Promise<number>>(async (before) => {
    const worst = await before;
    const beganMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 200 }, () => admin.send("GET", "/healthz")));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    return Math.max(worst, performance.now() - beganMs);
  }, Promise.resolve(0));
  expect(longest).toBeLessThan(5_000);
  const lost = /^daybook_request_lines_dropped_total (\d+)$/m.exec(
    (await admin.send("GET", "/metrics")).text,
  )?.[1];
  expect(Number(lost)).toBeGreaterThan(0);
  admin.close();
});
