/**
 * Shards in processes of their own: a shard that runs out of memory, or that the system ends, takes nobody with it. The
 * supervisor's rare messages go over the IPC channel of the child, data over local sockets (docs/adr/0007).
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SocketEnd } from "../channels/socket-channel.ts";
import { SocketFolder } from "../channels/socket-folder.ts";
import { crashOf, type FromShard, type ShardExit, type ToShard } from "../shard/messages.ts";
import type { Carrier, RunningShard, ShardInit } from "./carrier.ts";

export type ToShardProcess = ToShard | Readonly<{ type: "begin"; init: ShardInit; sockets: string }>;

export type FromShardProcess =
  | FromShard
  /** It has been told what to do, and does it from now on. */
  | Readonly<{ type: "begun" }>
  /** The last message. */
  | Readonly<{ type: "ended"; exit: ShardExit }>;

export type ProcessCarrierOptions = Readonly<{
  /** What a process runs. */
  program?: string;
  /** From the start of a process until it says that it has begun; replaying its log comes later. */
  startMsMax?: number;
  /** From its last message, or from the moment at which it is left alone, until it is gone. */
  endMsMax?: number;
}>;

const PROGRAM = fileURLToPath(new URL("./shard-process.ts", import.meta.url));
const START_MS_MAX = 20_000;
const END_MS_MAX = 1_000;

export class ProcessCarrier implements Carrier {
  readonly isolation = "processes";
  readonly #options: Required<ProcessCarrierOptions>;
  readonly #sockets = new SocketFolder();
  readonly #children = new Set<ShardChild>();

  constructor({
    program = PROGRAM,
    startMsMax = START_MS_MAX,
    endMsMax = END_MS_MAX,
  }: ProcessCarrierOptions = {}) {
    this.#options = { program, startMsMax, endMsMax };
    process.on("exit", this.#atExit);
  }

  start(init: ShardInit, onMessage: (message: FromShard) => void): RunningShard {
    let child: ShardChild;
    try {
      child = new ShardChild(this.#options, onMessage);
    } catch (error) {
      // Some reasons why no process can be started are thrown, others come as an event.
      return { post: () => {}, end: () => {}, exited: Promise.resolve(crashOf(error)) };
    }
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    child.send({ type: "begin", init, sockets: this.#sockets.path });
    return {
      post: (message) => child.send(message),
      end: (message) => child.end(message),
      exited: child.exited,
    };
  }

  channel(): readonly [SocketEnd, SocketEnd] {
    return this.#sockets.pair();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.leave()));
    process.off("exit", this.#atExit);
    this.#sockets.remove();
  }

  /** Nobody may be left behind, not even one that hangs. */
  readonly #atExit = (): void => {
    for (const child of this.#children) child.kill();
    this.#sockets.remove();
  };
}

class ShardChild {
  /** Resolves when the process is gone, and with it all that it held. */
  readonly exited: Promise<ShardExit>;
  readonly #child: ChildProcess;
  readonly #options: Required<ProcessCarrierOptions>;
  readonly #onMessage: (message: FromShard) => void;
  #deadline: NodeJS.Timeout | undefined;
  /** What it said last, or why it was killed. */
  #exit: ShardExit | undefined;

  constructor(options: Required<ProcessCarrierOptions>, onMessage: (message: FromShard) => void) {
    const { program, startMsMax } = options;
    this.#options = options;
    this.#onMessage = onMessage;
    this.#child = fork(program, {
      execArgv: inheritedFlags(process.execArgv),
      // Objects that hold bytes.
      serialization: "advanced",
    });
    this.#child.on("message", (message) => this.#receive(message as FromShardProcess));
    this.#killAfter(startMsMax, `its process did not begin within ${startMsMax / 1000} s`);
    this.exited = this.#gone().then((exit) => {
      clearTimeout(this.#deadline);
      return exit;
    });
  }

  /** Nothing happens when the child is gone: that is told by `exited`. */
  send(message: ToShardProcess): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** SIGKILL ends a process that is halted, too. */
  end(message: string): void {
    this.#exit ??= { reason: "crashed", message };
    this.kill();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** It ends as soon as its channel is closed. Resolves when it is gone. */
  async leave(): Promise<void> {
    const { endMsMax } = this.#options;
    this.#killAfter(endMsMax, `its process did not end within ${endMsMax / 1000} s`);
    if (this.#child.connected) this.#child.disconnect();
    await this.exited;
  }

  #receive(message: FromShardProcess): void {
    switch (message.type) {
      case "begun":
        clearTimeout(this.#deadline);
        return;
      case "ended":
        this.#exit = message.exit;
        this.#killAfter(this.#options.endMsMax, message.exit.message);
        return;
      default:
        this.#onMessage(message);
    }
  }

  #killAfter(msMax: number, message: string): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.end(message), msMax);
  }

  #gone(): Promise<ShardExit> {
    const child = this.#child;
    const gone = Promise.withResolvers<ShardExit>();
    // What it said last may come after its end; the end of the channel comes after both.
    const silent = new Promise((resolve) => child.once("disconnect", resolve));
    child.once("exit", (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      const message = `its process (pid ${child.pid}) was ended ${how}`;
      void silent.then(() => gone.resolve(this.#exit ?? { reason: "crashed", message }));
    });
    child.on("error", (error) => {
      // It could not be started: there will be no end either.
      if (child.pid === undefined) gone.resolve(crashOf(error));
    });
    return gone.promise;
  }
}

/** All that this process was started with, but what only one process can have: the port of a debugger. */
function inheritedFlags(flags: readonly string[]): string[] {
  return flags.filter((flag) => !flag.startsWith("--inspect"));
}
