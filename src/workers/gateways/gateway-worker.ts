/** Starts a gateway's thread. */
import { Worker } from "node:worker_threads";
import { portsOf } from "../channels/open-channel.ts";
import type { FromGatewayThread, GatewayInit, ToGatewayThread } from "./gateway-messages.ts";

export interface RunningGateway {
  post(message: ToGatewayThread): void;
  /** Resolves with the reason when the thread has ended or could not start. Never rejects. */
  readonly exited: Promise<string>;
  /** Terminates the thread immediately; its connections break. */
  end(): void;
}

/** @param gateway its number on this server, used in the thread's name. */
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
    // The system has no thread to give. That may pass, so it counts as an exit and is retried.
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
      // An ended worker accepts no ports. Close them, or the other end would wait forever.
      else for (const port of ports) port.close();
    },
    exited,
    end: () => void worker.terminate(),
  };
};
