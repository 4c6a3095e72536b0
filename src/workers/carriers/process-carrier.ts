/**
 * Runs each shard in its own process: a shard that runs out of memory or is killed affects no other. Control messages
 * use the child's IPC channel, data uses local sockets (docs/adr/0007).
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
  /** The process has received its start parameters. */
  | Readonly<{ type: "begun" }>
  /** The final message of the process. */
  | Readonly<{ type: "ended"; exit: ShardExit }>;

export type ProcessCarrierOptions = Readonly<{
  /** Path of the program that a process runs. */
  program?: string;
  /** From the start of a process until its "begun" message; the replay comes later. */
  startMsMax?: number;
  /** From its "ended" message, or from the close of its IPC channel, until the process has exited. */
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
      // `fork` reports some failures by throwing, others as an event.
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

  /** Leaves no child process behind, not even one that hangs. */
  readonly #atExit = (): void => {
    for (const child of this.#children) child.kill();
    this.#sockets.remove();
  };
}

class ShardChild {
  /** Resolves when the process has exited. */
  readonly exited: Promise<ShardExit>;
  readonly #child: ChildProcess;
  readonly #options: Required<ProcessCarrierOptions>;
  readonly #onMessage: (message: FromShard) => void;
  #deadline: NodeJS.Timeout | undefined;
  /** The content of its "ended" message, or why it was killed. */
  #exit: ShardExit | undefined;

  constructor(options: Required<ProcessCarrierOptions>, onMessage: (message: FromShard) => void) {
    const { program, startMsMax } = options;
    this.#options = options;
    this.#onMessage = onMessage;
    this.#child = fork(program, {
      execArgv: inheritedFlags(process.execArgv),
      // JSON cannot carry byte arrays.
      serialization: "advanced",
    });
    this.#child.on("message", (message) => this.#receive(message as FromShardProcess));
    this.#killAfter(startMsMax, `its process did not begin within ${startMsMax / 1000} s`);
    this.exited = this.#whenExited().then((exit) => {
      clearTimeout(this.#deadline);
      return exit;
    });
  }

  /** Does nothing after the child's exit, which `exited` reports. */
  send(message: ToShardProcess): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** SIGKILL also ends a stopped process. */
  end(message: string): void {
    this.#exit ??= { reason: "crashed", message };
    this.kill();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Closes the IPC channel, on which the child exits. Resolves when it has exited. */
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

  #whenExited(): Promise<ShardExit> {
    const child = this.#child;
    const exited = Promise.withResolvers<ShardExit>();
    // Its last message may arrive after the "exit" event; "disconnect" comes after both.
    const disconnected = new Promise((resolve) => child.once("disconnect", resolve));
    child.once("exit", (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      const message = `its process (pid ${child.pid}) was ended ${how}`;
      void disconnected.then(() => exited.resolve(this.#exit ?? { reason: "crashed", message }));
    });
    child.on("error", (error) => {
      // The process could not be started, so no "exit" event will come.
      if (child.pid === undefined) exited.resolve(crashOf(error));
    });
    return exited.promise;
  }
}

/** The flags of this process, without the debugger's: only one process can have its port. */
function inheritedFlags(flags: readonly string[]): string[] {
  return flags.filter((flag) => !flag.startsWith("--inspect"));
}
