import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/redis-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests of faults wait for leases and restarts most of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
  },
});
