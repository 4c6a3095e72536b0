import { rmSync } from "node:fs";
import { afterAll, beforeAll } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { RedisServer } from "./redis.ts";
import { makeScratchFolder } from "./scratch-folder.ts";
import { ServerProcess } from "./server.ts";

/** Starts a server with its own Redis and folder, for all tests of the calling `describe`. */
export function serverOnRedis(isolation: Isolation, shards: number): { readonly server: ServerProcess } {
  let dataDir: string;
  let redis: RedisServer;
  let server: ServerProcess;

  beforeAll(async () => {
    redis = await RedisServer.start();
    dataDir = makeScratchFolder("daybook-test");
    const settings = { DATA_DIR: dataDir, WAL_URL: redis.url, SHARDS: String(shards), ISOLATION: isolation };
    server = ServerProcess.launch(settings);
    await server.serving();
  });

  afterAll(async () => {
    await server.kill();
    await redis.destroy();
    rmSync(dataDir, { recursive: true });
  });

  return {
    get server() {
      return server;
    },
  };
}
