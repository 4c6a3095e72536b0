/** What a worker thread runs: one shard, from its claim to its end. */
import { type MessagePort, threadId } from "node:worker_threads";
import type { ShardExit, ToShard } from "../shard/messages.ts";
import { ShardHost } from "../shard/shard-host.ts";
import { StreamJournal } from "../wal/journal.ts";
import { openLogStream } from "../wal/open.ts";
import { readWitness, WitnessKeeper } from "../wal/witness.ts";
import type { ShardInit } from "./carrier.ts";

/** Resolves when the shard has ended: then the thread is free for the next one. */
export async function runShard({ init, port }: { init: ShardInit; port: MessagePort }): Promise<ShardExit> {
  const { generation, shard, shards, instance, walUrl, dataDir, archived, mayCreate } = init;
  const name = { generation, shard };
  const remembered = readWitness(dataDir, name);
  const witnesses = [remembered, archived].filter((witness) => witness !== undefined);
  const witness = new WitnessKeeper(dataDir, name);
  let warnings: readonly string[] = [];
  const stream = openLogStream(walUrl, {
    ...name,
    allowWeakDurability: init.allowWeakDurability,
    onProblems: (problems) => {
      warnings = problems;
      port.postMessage({ type: "log", available: true, warnings });
    },
  });
  const journal = new StreamJournal({
    stream,
    claimant: { instance, ...name, shards },
    witnesses,
    mayCreate,
  });
  const host = new ShardHost({
    shard,
    journal,
    post: (message) => {
      if (message instanceof Uint8Array) port.postMessage(message, [message.buffer]);
      else port.postMessage(message);
    },
    now: Date.now,
    threadId,
    failpoints: init.failpoints,
    onDurable: (batch) => witness.note(batch),
    warnings: () => warnings,
  });
  port.on("message", (message: Uint8Array | ToShard) => {
    if (message instanceof Uint8Array) host.receive(message);
    else host.control(message);
  });
  const exit = await host.run();
  await witness.flush();
  port.close();
  return exit;
}
