/** The program of a gateway's thread. It accepts connections when it has the partners and keys of all shards. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ArchiveQueryClient } from "../../archive/service/archive-query-client.ts";
import { assert } from "../../errors/assert.ts";
import { messageOf } from "../../errors/error-message.ts";
import { createLog } from "../../http/log/request-log.ts";
import { PersonKeys } from "../../persons/person-keys.ts";
import type { FromGatewayThread, GatewayInit, MainQuestion, ToGatewayThread } from "./gateway-messages.ts";
import { watchUses } from "./gateway-messages.ts";
import { HttpGateway } from "./http-gateway.ts";
import { RemoteOperations } from "./remote-operations.ts";
import { Rpc } from "./rpc.ts";

assert(parentPort !== null, "gateway-thread.ts runs as a worker");
run(parentPort, workerData as GatewayInit);

function run(main: MessagePort, init: GatewayInit): void {
  const send = (message: FromGatewayThread) => main.postMessage(message, []);
  const archive = new ArchiveQueryClient(init.archive);
  const logs = createLog(init.log, init.lines);
  const rpc = new Rpc<MainQuestion>((requestId, question) => send({ kind: "ask", requestId, question }));
  const operations = new RemoteOperations(rpc, init.health);
  const gateway = new HttpGateway({
    operations,
    logs,
    operatorKeyHash: init.operatorKeyHash,
    assets: init.assets,
    asksOperator: init.asksOperator,
    statistics: init.statistics,
    web: init.web,
    counters: init.counters,
    pageSessions: init.pageSessions,
  });
  gateway.setKeys(init.secretKey, new PersonKeys(init.persons));
  gateway.connect(init.shards, archive, () => operations.overload());

  const drain = async (msMax: number) => {
    await gateway.close(msMax);
    logs.close();
    send({ kind: "drained" });
  };
  main.on("message", (message: ToGatewayThread) => {
    switch (message.kind) {
      case "attach":
        gateway.attach(message.shard, message.end);
        return;
      case "silent":
        gateway.setSilent(message.shard, message.isSilent);
        return;
      case "standing":
        operations.update(message.standing);
        return;
      case "uses":
        gateway.directory.noteUses(message.uses);
        return;
      case "answer":
        rpc.answered(message.requestId, message.answer);
        return;
      case "count":
        send({ kind: "counts", requestId: message.requestId, counts: gateway.requestCounts() });
        return;
      case "drain":
        void drain(message.msMax);
        return;
    }
  });
  watchUses(gateway.directory, (uses) => send({ kind: "uses", uses }));
  send({ kind: "started" });
  void serve(gateway, init, send);
}

async function serve(
  gateway: HttpGateway,
  { address }: GatewayInit,
  send: (message: FromGatewayThread) => void,
): Promise<void> {
  await gateway.welcomed();
  try {
    await gateway.listen({ ...address, reusePort: true });
  } catch (error) {
    send({ kind: "failed", message: messageOf(error) });
    return;
  }
  send({ kind: "serving" });
}
