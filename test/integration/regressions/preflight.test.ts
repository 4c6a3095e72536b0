/** CORS preflight: pages of the origins in `CORS_ORIGINS` may call, and no others. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Caller, startTestServer } from "../programmes/test-server.ts";

const SHOP = "https://shop.example.com";

describe("with CORS_ORIGINS", () => {
  const house = startTestServer({ CORS_ORIGINS: `${SHOP}, http://localhost:5173`, GATEWAYS: "2" });
  let acme: Caller;
  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  function preflight(path: string, origin: string, method = "POST"): Promise<Response> {
    const headers = {
      Origin: origin,
      "Access-Control-Request-Method": method,
      "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    };
    return fetch(`${house.server.url}${path}`, { method: "OPTIONS", headers });
  }

  test("a preflight needs no API key, and lists the methods and headers of the route", async () => {
    for (const [path, methods] of [
      ["/v1/transfers", "POST, GET, HEAD"],
      ["/v1/accounts/a%2Fb", "GET, HEAD, PATCH"],
      ["/v1/wallet/login", "POST"],
    ] as const)
      for (const origin of [SHOP, "http://localhost:5173"]) {
        const { status, headers } = await preflight(path, origin);
        expect(status, path).toBe(204);
        expect(headers.get("access-control-allow-origin")).toBe(origin);
        expect(headers.get("access-control-allow-methods")).toBe(methods);
        for (const name of ["authorization", "content-type", "idempotency-key"])
          expect(headers.get("access-control-allow-headers")?.toLowerCase()).toContain(name);
        expect(headers.get("access-control-allow-credentials")).toBeNull();
        expect(headers.get("vary")).toContain("Origin");
        expect(headers.get("request-id")).not.toBeNull();
      }
    expect((await preflight("/v1/nothing", SHOP)).status).toBe(404);
  });

  test("pages of these origins may read all answers, which vary by Origin", async () => {
    for (const path of ["/v1/accounts", "/v1/accounts/nobody", "/v1/nothing", "/healthz"]) {
      const { headers } = await acme.client.send("GET", path, undefined, { Origin: SHOP });
      expect(headers["access-control-allow-origin"], path).toBe(SHOP);
      expect(headers["access-control-expose-headers"]).toContain("Request-Id");
      expect(headers["access-control-allow-credentials"]).toBeUndefined();
      expect(headers["vary"]).toContain("Origin");
      const plain = await acme.client.send("GET", path);
      expect(plain.headers["access-control-allow-origin"]).toBeUndefined();
      expect(plain.headers["vary"]).toContain("Origin");
    }
  });

  test("pages of other origins may not", async () => {
    for (const origin of [
      "https://evil.example",
      `${SHOP}.evil.example`,
      "null",
      "http://shop.example.com",
    ]) {
      const { status, headers } = await preflight("/v1/transfers", origin);
      expect([status, headers.get("access-control-allow-origin")], origin).toEqual([405, null]);
      const answer = await acme.client.send("GET", "/v1/accounts", undefined, { Origin: origin });
      expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, undefined]);
    }
  });
});

describe("without CORS_ORIGINS", () => {
  const house = startTestServer({});

  test("OPTIONS gets 405, or 404 for an unknown path", async () => {
    const acme = await house.partner("acme");
    for (const headers of [undefined, { Origin: SHOP, "Access-Control-Request-Method": "POST" }])
      for (const caller of [acme, house.caller("no-key")]) {
        const answer = await caller.client.send("OPTIONS", "/v1/transfers", undefined, headers);
        expect([answer.status, answer.headers["allow"]]).toEqual([405, "POST, GET, HEAD"]);
        expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
        const unknown = await caller.client.send("OPTIONS", "/v1/nothing", undefined, headers);
        expect(unknown.status).toBe(404);
      }
    const { headers } = await acme.client.send("GET", "/v1/accounts", undefined, { Origin: SHOP });
    expect(headers["vary"]).toBeUndefined();
    expect((await house.caller("no-key").client.send("GET", "/v1/nothing")).status).toBe(401);
  });
});
