/** Starts the thread of a gateway. */
import { Worker } from "node:worker_threads";
import { portsOf } from "../channels/open-channel.ts";
import type { FromGatewayThread, GatewayInit, ToGatewayThread } from "./gateway-messages.ts";

export interface RunningGateway {
  post(message: ToGatewayThread): void;
  /** Resolves with the reason when the thread has ended, also when it could not begin. Never rejects. */
  readonly exited: Promise<string>;
  /** Ends it at once: its connections break. */
  end(): void;
}

/** @param gateway its number among those of this server, for those who look at threads. */
export type StartGateway = (
  gateway: number,
  init: GatewayInit,
  onMessage: (message: FromGatewayThread) => void,
) => RunningGateway;

export const startGatewayThread: StartGateway = (gateway, init, onMessage) => {
  let worker: Worker;
  try {
    worker = new Worker(new URL("./gateway-thread.ts", import.meta.url), {
      workerData: init,
      transferList: [init.archive],
      name: `gateway ${gateway}`,
    });
  } catch (error) {
    // The system gives no thread: that may pass.
    return { post: () => {}, exited: Promise.resolve(String(error)), end: () => {} };
  }
  let failure: string | undefined;
  let isGone = false;
  worker.on("message", onMessage);
  worker.on("error", (error) => {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  const exited = new Promise<string>((resolve) => {
    worker.on("exit", (code) => {
      isGone = true;
      resolve(failure ?? `its thread ended with code ${code}`);
    });
  });
  return {
    post(message) {
      const ports = message.kind === "attach" ? portsOf(message.end) : [];
      if (!isGone) worker.postMessage(message, ports);
      // A worker that is gone takes nothing over, and whoever has the other end would wait for ever.
      else for (const port of ports) port.close();
    },
    exited,
    end: () => void worker.terminate(),
  };
};
