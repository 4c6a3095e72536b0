/** The program of the thread that delivers webhooks. Its priority is low: what follows the ledger must not slow it down. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { webhookSecretOf } from "../../actors/programmes/webhooks/acts.ts";
import type { Fact } from "../../actors/records/command.ts";
import { ArchiveQueryClient } from "../../archive/service/archive-query-client.ts";
import { assert } from "../../errors/assert.ts";
import { messageOf } from "../../errors/error-message.ts";
import { ShardLink } from "../../gateway/shard-link/shard-link.ts";
import { PersonKeys } from "../../persons/person-keys.ts";
import { openerOf } from "../../sealed-secrets.ts";
import { findTracing } from "../../tracing/tracing.ts";
import { DeliveryLog } from "../../webhooks/delivery-log.ts";
import { postEvent } from "../../webhooks/post-event.ts";
import { secretText } from "../../webhooks/secret-text.ts";
import { testEvent } from "../../webhooks/test-event.ts";
import { type WebhookLedger, WebhookService } from "../../webhooks/webhook-service.ts";
import { lowerThreadPriority } from "../carriers/thread-priority.ts";
import { Failpoints } from "../shard/failpoint.ts";
import { FeedLedger } from "./webhook-ledger.ts";
import type { FromWebhookThread, ToWebhookThread, WebhookInit } from "./webhook-messages.ts";

/** Of a core that other threads want as well, a third. */
const NICENESS = 5;

assert(parentPort !== null, "webhook-thread.ts runs as a worker");
lowerThreadPriority(NICENESS);
run(parentPort, workerData as WebhookInit);

function run(main: MessagePort, init: WebhookInit): void {
  const send = (message: FromWebhookThread) => main.postMessage(message, []);
  const archive = new ArchiveQueryClient(init.archive);
  const learn = (facts: readonly Fact[]) => service.learn(facts);
  const links = Array.from(
    { length: init.shards },
    (_, shard) => new ShardLink({ shard, onFacts: learn, onAllFacts: learn }),
  );
  const log = new DeliveryLog(init.deliveries, (error) =>
    send({ kind: "warning", reason: messageOf(error) }),
  );
  const persons = new PersonKeys(init.persons);
  const ledger = new FeedLedger({ links, archive, secretKey: init.secretKey, persons });
  const service = createService(init, ledger, log);
  const drain = async () => {
    await service.close();
    log.close();
    send({ kind: "drained" });
  };
  main.on("message", (message: ToWebhookThread) => {
    switch (message.kind) {
      case "attach":
        links[message.shard]?.attach(message.end);
        return;
      case "silent":
        links[message.shard]?.setHung(message.isSilent);
        return;
      case "count":
        send({ kind: "counts", stats: service.stats() });
        return;
      case "list":
        send({ kind: "listed", requestId: message.requestId, deliveries: log.list(message.query) });
        return;
      case "drain":
        void drain();
        return;
    }
  });
  send({ kind: "started" });
}

function createService(init: WebhookInit, ledger: WebhookLedger, log: DeliveryLog): WebhookService {
  const { allowPrivate, secretKey } = init;
  const open = openerOf(secretKey);
  const failpoints = new Failpoints(init.failpoints);
  const tracing = findTracing();
  return new WebhookService({
    ledger,
    post: async (target, id, body) => {
      const send = (headers?: Readonly<Record<string, string>>) =>
        postEvent(target, id, body, { allowPrivate, nowMs: Date.now(), ...(headers && { headers }) });
      const result = await (tracing === undefined ? send() : tracing.traceDelivery(target.url, send));
      if (init.failpoints.length > 0) setImmediate(() => failpoints.pass("after_post"));
      return result;
    },
    openSecret: (partner, stored) => {
      const secret = open(stored, webhookSecretOf(partner));
      return secret && secretText(secret);
    },
    noted: (tried) => log.note({ ...tried, atMs: Date.now() }),
    deleted: (partner, webhook) => log.forget(partner, webhook),
    testEvent: (id, webhook) => testEvent(id, webhook, Date.now()),
    // Whatever it is: a new thread begins with what is stored.
    onFailure: (error) => {
      setImmediate(() => {
        throw error;
      });
    },
    nowMs: Date.now,
    random: Math.random,
  });
}
