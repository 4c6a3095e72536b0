/**
 * Preloaded into a server (`node --import`), and so into each of its threads: the thread of gateway n throws when there is
 * a file `kill-gateway-n` in the folder `MORTAL_GATEWAYS`.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, threadName } from "node:worker_threads";

const LOOK_EVERY_MS = 10;
const folder = process.env["MORTAL_GATEWAYS"];
const gateway = /^gateway (\d+)$/.exec(threadName ?? "")?.[1];

if (!isMainThread && folder !== undefined && gateway !== undefined) {
  const sign = join(folder, `kill-gateway-${gateway}`);
  setInterval(() => {
    if (!existsSync(sign)) return;
    rmSync(sign);
    throw new Error("killed by the test");
  }, LOOK_EVERY_MS).unref();
}
