/** Keys are random: two servers have no key in common, neither the operator's nor the demo's. */
import { describe, expect, test } from "vitest";
import { daybookJson } from "../../cli/cli.ts";
import { Client, OPERATOR_KEY } from "../../support/server.ts";
import { startTestServer, type TestServer } from "../programmes/test-server.ts";

type Demo = Readonly<{
  partnerKey: string;
  sellerKeys: Readonly<Record<string, string>>;
  bankKey: string;
  people: readonly { token: string }[];
}>;

function seed(house: TestServer): Promise<Demo> {
  return daybookJson<Demo>(["seed", "--url", house.server.url], { OPERATOR_KEY });
}

function secretsOf({ partnerKey, sellerKeys, bankKey, people }: Demo): readonly string[] {
  return [partnerKey, bankKey, ...Object.values(sellerKeys), ...people.map(({ token }) => token)];
}

/** The operator's key that a first start prints. */
function printedKey({ server }: TestServer): string {
  return /operator key, shown this once: (\S+)/.exec(server.stdout)?.[1] ?? "";
}

describe("two servers without OPERATOR_KEY", () => {
  const [first, second] = [startTestServer({ OPERATOR_KEY: "" }), startTestServer({ OPERATOR_KEY: "" })];

  test("print different operator keys at their first start, and each accepts only its own", async () => {
    for (const [own, other] of [
      [first, second],
      [second, first],
    ] as const) {
      expect(printedKey(own)).toMatch(/^dk_operator_[\w-]{43}$/);
      expect(printedKey(own)).not.toBe(printedKey(other));
      await own.caller(printedKey(own)).get("/v1/partners");
      await own.caller(printedKey(other)).refused("GET", "/v1/partners", 401, "unauthenticated");
    }
  });
});

describe("two servers", () => {
  const [first, second] = [startTestServer({}), startTestServer({})];

  test("share no demo key, and a second run on one server adds new keys", async () => {
    const demos = [await seed(first), await seed(second), await seed(first)];
    const all = demos.flatMap(secretsOf);
    expect(new Set(all).size).toBe(all.length);
    for (const { partnerKey } of [demos[0], demos[2]] as Demo[]) {
      const client = new Client(first.server.url, partnerKey);
      expect((await client.get<{ data: unknown[] }>("/v1/sellers")).data).toHaveLength(2);
      client.close();
      const stranger = new Client(second.server.url, partnerKey);
      expect((await stranger.send("GET", "/v1/sellers")).status).toBe(401);
      stranger.close();
    }
  });
});
