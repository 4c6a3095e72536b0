/** A second, different request of an owner with a used idempotency key is refused, whatever its route. */
import { beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "../../support/server.ts";
import { startTestServer } from "../programmes/test-server.ts";
import { KEYED } from "./keyed-routes.ts";
import { WITH_SECRET } from "./ledger-routes.ts";
import { fresh, type Keyed, type Sent, type World, worldOf } from "./world.ts";

const house = startTestServer({
  ISOLATION: "threads",
  WEBHOOKS_ALLOW_PRIVATE: "true",
  TOPUP_OPERATOR: "simulated:",
});
let world: World;

beforeAll(async () => {
  world = await worldOf(house);
});

function send({ caller }: Pick<Keyed, "caller">, { method, path, body }: Sent, key: string) {
  return caller.client.send(method, path, body, { "Idempotency-Key": key });
}

describe.each(Object.entries({ ...KEYED, ...WITH_SECRET }))("%s", (_, make) => {
  test("refuses its key for any other request of the owner", async () => {
    const keyed = await make(world);
    const key = fresh("key-");
    const first = await send(keyed, keyed, key);
    expect(first.status, first.text).toBeLessThan(300);
    const second = await send({ ...keyed, ...keyed.other }, keyed.other, key);
    expect([second.status, codeOf(second)], second.text).toEqual([422, "idempotency_key_reused"]);
    // It was not executed: with another key it is executed now.
    const done = await send({ ...keyed, ...keyed.other }, keyed.other, fresh("key-"));
    expect(done.headers["idempotency-replayed"]).toBeUndefined();
    expect(done.text).not.toContain("idempotency_key_reused");
    expect((await send(keyed, keyed, key)).headers["idempotency-replayed"]).toBe("true");
  });
});
