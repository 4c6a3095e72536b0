/**
 * Preloaded into a server (`node --import`), and so into each of its threads. In the folder `MORTAL_GATEWAYS` a file
 * `kill-gateway-n` makes the thread of gateway n throw; `hang-gateway-n`, or `hang-archive`, makes the thread loop for
 * ever.
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
    if (isTold("hang")) for (;;);
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
}
