/**
 * The session cookie: another site cannot plant it, and a client that stores cookies as browsers do stays logged in.
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { type Person, Wallets } from "../integration/programmes/wallets.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";

const HOST_NAME = "__Host-daybook_session";
const PLAIN_NAME = "daybook_session";
const KEPT = ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax"];
/** Without PUBLIC_URL, the `Host` header decides whether a request may have arrived over TLS. */
const AWAY = { Host: "pay.example.com" };

function opened(settings: Readonly<Record<string, string>>) {
  const house = startTestServer({ SHARDS: "1", ...settings });
  const wallets = new Wallets(house);
  const stranger = () => house.caller("");
  const cookieOf = async ({ email, password }: Person, headers: Readonly<Record<string, string>> = {}) => {
    const { headers: said } = await stranger().client.send(
      "POST",
      "/v1/wallet/login",
      { email, password },
      headers,
    );
    const [pair = "", ...attributes] = String(said["set-cookie"]).split("; ");
    const [name = "", token = ""] = pair.split("=");
    return { name, token, attributes };
  };
  /** Sends a request as browsers do: with the cookie, and without an Authorization header. */
  const seen = async (cookie: string) => {
    const answer = await fetch(`${house.server.url}/v1/wallet`, { headers: { Cookie: cookie } });
    return answer.status === 200 ? ((await answer.json()) as { wallet_id: string }).wallet_id : answer.status;
  };
  const cookieInDocument = async () => {
    const document = (await stranger().get("/openapi.json")) as unknown as {
      components: { securitySchemes: { session_cookie: { name: string } } };
    };
    return document.components.securitySchemes.session_cookie.name;
  };
  return { house, wallets, cookieOf, seen, cookieInDocument };
}

describe.each([
  ["https", HOST_NAME, PLAIN_NAME],
  ["http", PLAIN_NAME, HOST_NAME],
] as const)("with a PUBLIC_URL of %s", (scheme, name, otherName) => {
  const { wallets, cookieOf, seen, cookieInDocument } = opened({
    PUBLIC_URL: `${scheme}://pay.example.com`,
  });
  const secure = scheme === "https" ? ["Secure"] : [];

  test("the cookie has the same name whatever the Host header says", async () => {
    const ann = await wallets.person();
    for (const headers of [AWAY, {}]) {
      const { name: said, token, attributes } = await cookieOf(ann, headers);
      expect([said, attributes]).toEqual([name, [...KEPT, ...secure]]);
      expect(await seen(`${name}=${token}`)).toBe(ann.wallet);
    }
    expect(await cookieInDocument()).toBe(name);
  });

  test("a cookie of another name is ignored, and so are two of the same name", async () => {
    const [ann, eve] = [await wallets.person(), await wallets.person()];
    const [{ token }, { token: planted }] = [await cookieOf(ann), await cookieOf(eve)];
    expect(await seen(`${otherName}=${planted}`)).toBe(401);
    expect(await seen(`${name.toUpperCase()}=${planted}`)).toBe(401);
    expect(await seen(`x; =; ${otherName}=${planted}; ${name}=${token};`)).toBe(ann.wallet);
    expect(await seen(`${name}=${token};a=b ; ${otherName}=${planted}`)).toBe(ann.wallet);
    for (const [first, second] of [
      [token, planted],
      [planted, token],
      [token, ""],
      ["", token],
    ])
      expect(await seen(`${name}=${first}; ${name} = ${second}`)).toBe(401);
  });
});

describe("without PUBLIC_URL", () => {
  const { house, wallets, cookieOf } = opened({});

  test("the cookie has its plain name, and is Secure except on localhost", async () => {
    const ann = await wallets.person();
    const { name, attributes } = await cookieOf(ann, AWAY);
    expect([name, attributes]).toEqual([PLAIN_NAME, [...KEPT, "Secure"]]);
    expect((await cookieOf(ann)).attributes).toEqual(KEPT);
  });

  test("curl stores it over plain HTTP, and the logout removes it", async () => {
    const { email, password, wallet } = await wallets.person();
    const curl = jarOf(house.server.url);
    const login = ["-H", "Content-Type: application/json", "-d", JSON.stringify({ email, password })];
    expect(await curl("/v1/wallet/login", ...login)).toMatch(/ 200$/);
    expect(await curl("/v1/wallet")).toContain(wallet);
    expect(await curl("/v1/wallet/logout", "-X", "POST")).toMatch(/ 200$/);
    expect(await curl("/v1/wallet")).toMatch(/ 401$/);
  });
});

/** A client that stores cookies by RFC 6265. Its output ends with the status. */
function jarOf(url: string): (path: string, ...args: readonly string[]) => Promise<string> {
  const folder = makeScratchFolder("daybook-cookies");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const jar = join(folder, "jar");
  return async (path, ...args) => {
    const common = ["-sS", "-b", jar, "-c", jar, "-w", " %{http_code}"];
    return (await promisify(execFile)("curl", [...common, ...args, `${url}${path}`])).stdout;
  };
}
