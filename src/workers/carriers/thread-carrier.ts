/**
 * Runs shards on worker threads. Piscina keeps one thread for each shard; a thread runs a single task that ends with
 * its shard. A thread whose task throws is replaced, and the supervisor restarts the shard on the new thread.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { portsOf } from "../channels/open-channel.ts";
import { crashOf, type FromShard, type ShardExit } from "../shard/messages.ts";
import type { Carrier, RunningShard, ShardInit } from "./carrier.ts";

type Task = Readonly<{ init: ShardInit; control: MessagePort; closed: Promise<void>; signal: AbortSignal }>;

export class ThreadCarrier implements Carrier {
  readonly isolation = "threads";
  readonly #pool: Piscina;
  /** Callbacks that end shards which have sent no message yet: they may still wait for a thread. */
  readonly #starting = new Set<(exit: ShardExit) => void>();

  constructor(shards: number) {
    this.#pool = new Piscina({
      filename: new URL("./shard-thread.ts", import.meta.url).href,
      minThreads: shards,
      maxThreads: shards,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default would block the thread between tasks; a shard's timers and ports must run on.
      atomics: "disabled",
    });
    // A thread could not start, for example for lack of file descriptors. Its task would wait forever.
    this.#pool.on("error", (error: unknown) => {
      for (const end of this.#starting) end(crashOf(error));
    });
  }

  start(init: ShardInit, onMessage: (message: FromShard) => void): RunningShard {
    const { port1: ours, port2: theirs } = new MessageChannel();
    ours.on("message", (message: FromShard) => {
      this.#starting.delete(end);
      onMessage(message);
    });
    // The port closes when the thread has ended.
    const closed = new Promise<void>((resolve) => ours.once("close", resolve));
    const ending = new AbortController();
    const end = (exit: ShardExit) => {
      ending.abort(exit);
      // If the task still waits for a thread, its port was not transferred and has to be closed here.
      theirs.close();
    };
    this.#starting.add(end);
    const exited = this.#run({ init, control: theirs, closed, signal: ending.signal }).finally(() => {
      this.#starting.delete(end);
      ours.close();
    });
    return {
      end: (message) => end({ reason: "crashed", message }),
      post: (message) =>
        ours.postMessage(message, message.type === "channel" ? [...portsOf(message.end)] : []),
      exited,
    };
  }

  channel(): readonly [MessagePort, MessagePort] {
    const { port1, port2 } = new MessageChannel();
    return [port1, port2];
  }

  async #run({ init, control, closed, signal }: Task): Promise<ShardExit> {
    try {
      // Piscina's type is taken from the wrong overload of Node's `postMessage`; an array is correct.
      const transferList = [control] as never;
      return await this.#pool.run({ init, control }, { name: "runShardThread", transferList, signal });
    } catch (error) {
      if (signal.aborted) {
        // The pool does not wait for the thread, which may still be inside a system call.
        await closed;
        return signal.reason as ShardExit;
      }
      return { ...crashOf(error), message: String(error) };
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
