/** Requests for the routes of webhooks with idempotency keys. */
import { until } from "../../support/until.ts";
import { idOf, inSeconds, type Keyed, post, type Routes, type World } from "./world.ts";

/** Nobody answers there. */
const URL = "http://127.0.0.1:9/";

async function webhook({ acme }: World): Promise<string> {
  return `/v1/webhooks/${idOf(await acme.post("/v1/webhooks", 201, { url: URL }))}`;
}

/** A request about a webhook, which is deleted before the retry. */
async function onWebhook(
  world: World,
  sentTo: (path: string) => Pick<Keyed, "method" | "path" | "body" | "other">,
): Promise<Keyed> {
  const path = await webhook(world);
  const spoil = () => world.acme.ask("DELETE", path, 204);
  return { caller: world.acme, ...sentTo(path), spoil };
}

export const WEBHOOK_ROUTES: Routes = {
  "POST /v1/webhooks": async ({ acme }) => {
    const [first, second] = [{ url: URL }, { url: URL, description: "another one" }];
    return { caller: acme, ...post("/v1/webhooks", first), other: post("/v1/webhooks", second) };
  },
  "PATCH /v1/webhooks/{id}": (world) =>
    onWebhook(world, (path) => {
      const change = (enabled: boolean) => ({ method: "PATCH", path, body: { enabled } });
      return { ...change(false), other: change(true) };
    }),
  "DELETE /v1/webhooks/{id}": async (world) => {
    const path = await webhook(world);
    return { caller: world.acme, method: "DELETE", path, other: post(`${path}/test`) };
  },
  "POST /v1/webhooks/{id}/rotate": (world) =>
    onWebhook(world, (path) => ({ ...post(`${path}/rotate`), other: post(`${path}/test`) })),
  "POST /v1/webhooks/{id}/replay": (world) =>
    onWebhook(world, (path) => {
      const replay = (seconds: number) => post(`${path}/replay`, { from: inSeconds(seconds) });
      return { ...replay(-10), other: replay(-20) };
    }),
  "POST /v1/webhooks/{id}/test": (world) =>
    onWebhook(world, (path) => ({ ...post(`${path}/test`), other: post(`${path}/rotate`) })),
  "POST /v1/webhooks/{id}/deliveries/{delivery}/retry": async (world) => {
    const path = await webhook(world);
    const { event } = await world.acme.post(`${path}/test`, 202);
    await until("it is listed", async () =>
      JSON.stringify(await world.acme.get(`${path}/deliveries`)).includes(String(event)),
    );
    const spoil = () => world.acme.ask("DELETE", path, 204);
    const retry = post(`${path}/deliveries/${String(event)}/retry`);
    return { caller: world.acme, ...retry, spoil, other: post(`${path}/test`) };
  },
};
