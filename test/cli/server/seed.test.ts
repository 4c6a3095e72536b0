/** `daybook seed` on a real server: everything that it reports exists, exactly once. */
import { expect, test } from "vitest";
import { Client, OPERATOR_KEY, testFolder, testServer } from "../../support/server.ts";
import { daybook, daybookJson } from "../cli.ts";

type Demo = Readonly<{
  partner: string;
  partnerKey: string;
  sellerKeys: Readonly<Record<string, string>>;
  bankKey: string;
  people: readonly { email: string; password: string; walletId: string; token: string }[];
}>;

const env = { OPERATOR_KEY };

test("seed creates the demo data, its keys and proposed requests work, and a second run adds nothing", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: `sqlite:${testFolder()}`, SHARDS: "3" });
  const demo = await daybookJson<Demo>(["seed", "--url", server.url], env);
  const partner = new Client(server.url, demo.partnerKey);
  const counts = async () => {
    const paths = [
      "/v1/loyalty/members",
      "/v1/vouchers?email=customer9@gmail.com",
      "/v1/offers",
      "/v1/segments",
      "/v1/sellers",
      "/v1/transfers?limit=200",
    ];
    const lists = await Promise.all(paths.map((path) => partner.get<{ data: unknown[] }>(path)));
    return Object.fromEntries(lists.map(({ data }, i) => [paths[i], data.length]));
  };
  const first = await counts();
  expect(first).toMatchObject({
    "/v1/loyalty/members": 10,
    "/v1/vouchers?email=customer9@gmail.com": 1,
    "/v1/offers": 2,
    "/v1/segments": 2,
    "/v1/sellers": 2,
  });
  expect(await partner.get("/v1/sellers/kiosk-12")).toMatchObject({ credit: 700_000 });
  const [seller] = Object.values(demo.sellerKeys);
  const sold = await new Client(server.url, seller ?? "").get<{ data: unknown[] }>("/v1/topups");
  expect(sold.data.length).toBeGreaterThan(0);

  const { code, stdout, stderr } = await daybook(["seed", "--url", server.url], env);
  expect(code, stderr).toBe(0);
  expect(await counts()).toEqual(first);
  // No server shows a key again: the second run gets new keys, and the first ones stay valid.
  for (const key of [demo.partnerKey, demo.bankKey, ...Object.values(demo.sellerKeys)])
    expect(stdout).not.toContain(key);
  const proposed = [...stdout.matchAll(/curl -s '(\S+)' -H 'Authorization: (Bearer \S+)'/g)];
  expect(proposed.length).toBeGreaterThan(5);
  for (const [, url = "", Authorization = ""] of proposed) {
    const response = await fetch(url, { headers: { Authorization } });
    expect(response.status, url).toBe(200);
    expect(JSON.stringify(await response.json()), url).not.toContain('"data":[]');
  }
});

test("without a key or a server, seed fails with one line", async () => {
  const unset = await daybook(["seed", "--url", "http://127.0.0.1:1"]);
  expect(unset).toMatchObject({ code: 2, stderr: expect.stringContaining("set OPERATOR_KEY") });
  const nobody = await daybook(["seed", "--url", "http://127.0.0.1:1"], env);
  expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining("no server answers") });
});
