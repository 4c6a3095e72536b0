/** A retry with the same idempotency key gets the first answer, whatever has changed since. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../support/server.ts";
import type { OpenApi } from "../programmes/route-walk.ts";
import { startTestServer } from "../programmes/test-server.ts";
import { KEYED, WITHOUT_KEY } from "./keyed-routes.ts";
import { WITH_SECRET } from "./ledger-routes.ts";
import { fresh, type World, worldOf } from "./world.ts";

const house = startTestServer({
  ISOLATION: "threads",
  WEBHOOKS_ALLOW_PRIVATE: "true",
  TOPUP_OPERATOR: "simulated:",
});
let world: World;

beforeAll(async () => {
  world = await worldOf(house);
});

test("every route that changes something is tested here, or takes no key", async () => {
  const document = (await world.acme.get("/openapi.json")) as unknown as OpenApi;
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const changing = routes.filter((route) => !route.startsWith("GET ") && !route.endsWith("/batch"));
  const known = [...Object.keys(KEYED), ...Object.keys(WITH_SECRET), ...WITHOUT_KEY];
  expect(changing.toSorted()).toEqual(known.toSorted());
});

const SECRETS = ["api_key", "secret", "token"];

/** The expected text of a replay: the first answer without its secret, which is shown once. */
function replayOf(first: string): string {
  if (first === "") return first;
  const answer = JSON.parse(first) as Record<string, unknown>;
  // The URL of a report is a secret, and the one of a webhook is not.
  const isReport = String(answer["id"]).startsWith("rep_");
  const secret = isReport ? "url" : SECRETS.find((name) => name in answer);
  return secret === undefined ? first : JSON.stringify({ ...answer, [secret]: null, secret_shown: true });
}

/** The log position of the record that the answer is made from. */
function positionOf({ headers }: Answer): string | undefined {
  return String(headers["daybook-position"]).split(",")[0];
}

describe.each(Object.entries({ ...KEYED, ...WITH_SECRET }))("%s", (_, make) => {
  test("gets the first answer again", async () => {
    const { caller, method, path, body, spoil } = await make(world);
    const headers = { "Idempotency-Key": fresh("key-") };
    const first = await caller.client.send(method, path, body, headers);
    expect(first.status, first.text).toBeLessThan(300);
    expect(first.headers["idempotency-replayed"]).toBeUndefined();
    await spoil?.();
    const again = await caller.client.send(method, path, body, headers);
    expect([again.status, again.text]).toEqual([first.status, replayOf(first.text)]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(positionOf(again)).toBe(positionOf(first));
  });
});
