import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Folders that mirror `src`. Their tests run in one process, without servers, unless the suffix says otherwise. */
const MIRRORED = "test/{actors,archive,bounds,errors,gateway,http,wal,webhooks,workers}/**";
const WITH_PROCESSES = "test/**/*.{redis,fault}.test.ts";
const PROPERTIES = "test/**/*.property.test.ts";

/** What each kind of test needs: `npm test -- --project unit`. Together they are all tests. */
const projects = [
  {
    name: "unit",
    include: [`${MIRRORED}/*.test.ts`, "test/*.test.ts"],
    exclude: [PROPERTIES, WITH_PROCESSES],
  },
  { name: "property", include: [PROPERTIES] },
  { name: "simulation", include: ["test/simulation/**/*.test.ts"], exclude: [PROPERTIES] },
  {
    name: "integration",
    include: ["test/{attack,bench,cli,docs,formats,integration,mutation,soak,stress,support}/**/*.test.ts"],
    exclude: [PROPERTIES, WITH_PROCESSES],
  },
  { name: "fault", include: [WITH_PROCESSES] },
];

export default defineConfig({
  test: {
    globalSetup: ["test/support/redis-setup.ts"],
    // Ends what hangs. A busy machine may make a test of faults take five times as long as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Tests of faults wait for leases and restarts most of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    projects: projects.map((project) => ({ extends: true, test: project })),
  },
});
