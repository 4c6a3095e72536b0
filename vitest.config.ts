import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Folders that mirror `src`. Their tests run in one process, without servers, unless the suffix says otherwise. */
const MIRRORED =
  "test/{actors,archive,bounds,errors,gateway,http,persons,statistics,tracing,wal,webhooks,workers}/**";
const WITH_PROCESSES = "test/**/*.{redis,fault,clickhouse}.test.ts";
const PROPERTIES = "test/**/*.property.test.ts";

/** Replaces a module of the source, which the other files of its worker would get as well. */
const WITH_MOCKS = "test/workers/recovery/take-snapshot.test.ts";

/** Loading the source takes longer than most of these files. So the files of one worker share the loaded modules. */
const SHARED_MODULES = { isolate: false } as const;

/**
 * What each kind of test needs: `npm test -- --project unit`. Together they are all tests. The kinds with the longest
 * files are first, so that no long file is left over at the end.
 */
const projects = [
  {
    name: "simulation",
    include: ["test/simulation/**/*.test.ts"],
    exclude: [PROPERTIES],
  },
  {
    name: "fault",
    include: [WITH_PROCESSES],
    globalSetup: ["test/support/compile-setup.ts"],
    ...SHARED_MODULES,
  },
  {
    name: "integration",
    include: [
      "test/{attack,bench,cli,client,deploy,docs,formats,integration,mutation,soak,stress,support}/**/*.test.ts",
    ],
    exclude: [PROPERTIES, WITH_PROCESSES],
    ...SHARED_MODULES,
  },
  { name: "property", include: [PROPERTIES], ...SHARED_MODULES },
  {
    name: "unit",
    include: [`${MIRRORED}/*.test.ts`, "test/*.test.ts"],
    exclude: [PROPERTIES, WITH_PROCESSES, WITH_MOCKS],
    ...SHARED_MODULES,
  },
  { name: "unit-alone", include: [WITH_MOCKS] },
];

// Every process of a test starts with the code that an earlier one has compiled: that is half of its start.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "daybook-tests-compiled");

function placeOf({ project }: TestSpecification): number {
  return projects.findIndex(({ name }) => name === project.name);
}

/** Vitest's own order is by the name of the project. */
class ProjectsInOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer that sorts, not an array
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

export default defineConfig({
  test: {
    globalSetup: ["test/support/redis-setup.ts"],
    // Ends what hangs. A busy machine may make a test of faults take five times as long as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { interval: 10, timeout: 30_000 } },
    // Tests of faults wait for leases and restarts most of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    sequence: { sequencer: ProjectsInOrder },
    unstubEnvs: true,
    projects: projects.map((project) => ({ extends: true, test: project })),
  },
});
