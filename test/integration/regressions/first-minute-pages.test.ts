/** The pages that a new user opens first, on a real server. */
import { rmSync } from "node:fs";
import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { VERSION } from "../../../src/version.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { ServerProcess } from "../../support/server.ts";

type Answer = Readonly<{ status: number; headers: Headers; bytes: Buffer; text: string }>;

let server: ServerProcess;

beforeAll(async () => {
  const dir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({ DATA_DIR: dir, SHARDS: "1" });
  await server.serving();
  return async () => {
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
});

/** `bytes` as sent; `text` decompressed, as a browser would show it. */
async function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { status, headers: sent, bytes } = await fetchRaw(path, headers);
  const plain = sent.get("content-encoding") === "gzip" ? gunzipSync(bytes) : bytes;
  return { status, headers: sent, bytes, text: plain.toString() };
}

/** `fetch` would decompress the body. */
function fetchRaw(path: string, headers: Readonly<Record<string, string>>): Promise<Omit<Answer, "text">> {
  return new Promise((resolve, reject) => {
    request(`${server.url}${path}`, { headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: new Headers(incoming.headers as Record<string, string>),
          bytes: Buffer.concat(chunks),
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

describe("the page at /", () => {
  test("shows the program, its version and links, and all links work", async () => {
    const { status, headers, text } = await get("/");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(text).toContain(`version ${VERSION}`);
    expect(text).toContain("README.md");
    const links = [...text.matchAll(/<a href="([^"]+)"/g)].map(([, link]) => link as string);
    expect(links).toEqual([
      "/docs",
      "/openapi.json",
      "/console",
      "/app",
      "/login",
      "/signup",
      "/healthz",
      "/readyz",
      "/metrics",
    ]);
    for (const link of links)
      expect((await get(link)).status, link).toBe(link === "/console" || link === "/app" ? 303 : 200);
  });

  test("loads nothing from other hosts, and its policy forbids it", async () => {
    const { headers, text } = await get("/");
    expect(text).not.toMatch(/(https?:)?\/\/[a-z]/i);
    expect(text).not.toContain("<script");
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
  });

  test("allows only GET and HEAD", async () => {
    const head = await fetch(`${server.url}/`, { method: "HEAD" });
    expect(head.status).toBe(200);
    const post = await fetch(`${server.url}/`, { method: "POST" });
    expect({ status: post.status, allow: post.headers.get("allow") }).toEqual({
      status: 405,
      allow: "GET, HEAD",
    });
  });
});

describe.each(["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/setup.js", "/openapi.json"])(
  "%s",
  (path) => {
    test("is compressed for clients that accept gzip, with the same content", async () => {
      const plain = await get(path);
      expect(plain.headers.get("content-encoding")).toBeNull();
      const zipped = await get(path, { "Accept-Encoding": "br, gzip;q=0.8" });
      expect(zipped.headers.get("content-encoding")).toBe("gzip");
      expect(zipped.text).toBe(plain.text);
      if (plain.bytes.length > 1000) expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 2);
      for (const { headers } of [plain, zipped]) expect(headers.get("vary")).toContain("Accept-Encoding");
    });

    test.each(["gzip;q=0", "identity", "br", "*, gzip;q=0"])(
      "is plain for Accept-Encoding: %s",
      async (accepted) => {
        const { status, headers } = await get(path, { "Accept-Encoding": accepted });
        expect({ status, encoding: headers.get("content-encoding") }).toEqual({
          status: 200,
          encoding: null,
        });
      },
    );

    test("is answered with 304 if the client has the current version", async () => {
      const first = await get(path, { "Accept-Encoding": "gzip" });
      const tag = first.headers.get("etag") ?? "";
      for (const known of [tag, `"other", ${tag}`, "*"]) {
        const again = await get(path, { "If-None-Match": known });
        expect({ status: again.status, length: again.bytes.length }).toEqual({ status: 304, length: 0 });
        expect(again.headers.get("etag")).toBe(tag);
      }
      expect((await get(path, { "If-None-Match": '"other"' })).status).toBe(200);
    });
  },
);

test("files that are constant within a release may be cached; others must be revalidated", async () => {
  expect((await get("/docs/swagger-ui.css")).headers.get("cache-control")).toBe("max-age=86400");
  expect((await get("/openapi.json")).headers.get("cache-control")).toBe("no-cache");
});
