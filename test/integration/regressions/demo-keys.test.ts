/** The demo's keys are random: two servers with the same operator key, or two runs on one, have no key in common. */
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
