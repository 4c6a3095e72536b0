import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/redis-setup.ts"],
    // Ends what hangs. A busy machine may make a test of faults take five times as long as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Tests of faults wait for leases and restarts most of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
  },
});
