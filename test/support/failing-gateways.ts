/**
 * Preloaded into a server (`node --import`) and its threads. A file `kill-gateway-n` in the folder `MORTAL_GATEWAYS`
 * makes the thread of gateway n throw; `hang-gateway-n` or `hang-archive` makes the thread wait forever, without taking
 * the processor from other tests.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, threadName } from "node:worker_threads";

const LOOK_EVERY_MS = 10;
const folder = process.env["MORTAL_GATEWAYS"];
const name = /^(?:gateway \d+|archive)$/.exec(threadName ?? "")?.[0].replace(" ", "-");

if (!isMainThread && folder !== undefined && name !== undefined) {
  const isTold = (what: string): boolean => {
    const sign = join(folder, `${what}-${name}`);
    if (!existsSync(sign)) return false;
    rmSync(sign);
    return true;
  };
  const look = (): void => {
    if (isTold("kill")) throw new Error("killed by the test");
    if (isTold("hang")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
}
