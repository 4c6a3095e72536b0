/** Webhooks in the API. */
import type { HttpProgramme } from "../../programme.ts";
import { addDeliveries } from "./deliveries.ts";
import { addWebhooks, type WebhooksDeps } from "./webhooks.ts";

export const WEBHOOKS: HttpProgramme<WebhooksDeps> = {
  addRoutes(routes, deps) {
    addWebhooks(routes, deps);
    addDeliveries(routes, deps);
  },
};
