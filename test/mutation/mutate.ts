/**
 * Breaks the rules of src/actors on purpose, one at a time, and says which breaks no unit or property test finds:
 *
 *   npm run mutate -- --only src/actors/programmes/loyalty --only src/actors/ledger/limits/velocity.ts
 *
 * A number is one too great, a comparison takes in its edge, a step is left out, and so on: see mutations.ts. A survivor is
 * a test that is missing, code that nobody needs, or a change that nobody can see. A mutant is killed by time-out if its
 * test takes 20 times as long as without it: the process of the tests is ended, and another one tries the rest.
 */
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { startVitest, type TestSpecification } from "vitest/node";
import { type Mutated, mutate } from "./mutations.ts";
import type { Plan, Results, Running } from "./plan.ts";
import { reportOf } from "./report.ts";

/** Those that need nothing but the code itself. */
const TESTS = ["test/actors/**/*.test.ts", "test/integration/programmes/*.property.test.ts"];
/** Of the usual number of runs of each property. */
const RUNS_SHARE = "0.1";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: ["src/actors"] },
    tests: { type: "string", multiple: true, default: TESTS },
    /** The folder of src and test. */
    root: { type: "string", default: dirname(dirname(import.meta.dirname)) },
    /** Seconds that a test may take with a mutant, however short it is without. */
    limit: { type: "string", default: "10" },
  },
});
const root = realpathSync(values.root);

const mutated = new Map<string, Mutated>();
let count = 0;
for (const file of globSync("src/actors/**/*.ts", { cwd: root }).toSorted()) {
  const result = mutate(file, readFileSync(join(root, file), "utf8"), count);
  count += result.mutants.length;
  mutated.set(file, result);
}
const isTried = (file: string) => values.only.some((only) => file === only || file.startsWith(`${only}/`));
const importers: Record<string, string[]> = {};
for (const [file, { imports }] of mutated)
  for (const each of imports) (importers[join(dirname(file), each)] ??= []).push(file);
/** Who imports a constant says which tests use it. The others run faster as they are. */
const changed = new Set(
  [...mutated.keys()].filter(isTried).flatMap((file) => [file, ...(importers[file] ?? [])]),
);

const all = [...mutated.values()].flatMap(({ mutants }) => mutants);
const tried = all.filter(({ file }) => isTried(file));
const folder = mkdtempSync(join(tmpdir(), "daybook-mutate-"));
const plan: Plan = {
  mutants: tried.map(({ id }) => id),
  files: all.map(({ file }) => file),
  importers,
  limitMsLeast: 1000 * Number(values.limit),
  results: join(folder, "results.json"),
  running: join(folder, "running.json"),
};
writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
Object.assign(process.env, { MUTATION_PLAN: join(folder, "plan.json"), PROPERTY_RUNS_SHARE: RUNS_SHARE });

/** Properties last: most mutants are dead by then. */
class CheapFirst {
  sort(files: TestSpecification[]): TestSpecification[] {
    return files.toSorted((a, b) => rankOf(a) - rankOf(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }

  shard(files: TestSpecification[]): TestSpecification[] {
    return files;
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  return Number(moduleId.includes(".property."));
}

function codeOf(path: string): string | undefined {
  const file = relative(root, path.replace(/\?.*/, ""));
  return changed.has(file) ? mutated.get(file)?.code : undefined;
}

/** Tries the mutants until all have been, or until one ends the process of the tests. Returns what failed without any. */
async function tryMutants(): Promise<readonly string[]> {
  const failures: string[] = [];
  const vitest = await startVitest(
    "test",
    [],
    {
      config: false,
      root,
      include: values.tests,
      runner: join(import.meta.dirname, "mutation-runner.ts"),
      watch: false,
      // The code that is run is never that of the files.
      fsModuleCache: false,
      pool: "forks",
      isolate: false,
      maxWorkers: 1,
      testTimeout: 0,
      sequence: { sequencer: CheapFirst },
      reporters: [
        {
          onTestModuleEnd: (file) => {
            const errors = file.errors().map(({ stack }) => `${file.relativeModuleId}: ${stack}`);
            failures.push(...errors);
            process.stderr.write(`${file.relativeModuleId}\n`);
          },
          onTestCaseResult: (test) => {
            const { state, errors } = test.result();
            if (state !== "failed") return;
            failures.push(`${test.fullName} fails without any change:\n${errors[0]?.stack}`);
          },
        },
      ],
    },
    { plugins: [{ name: "mutants", enforce: "pre", transform: (_, path) => codeOf(path) }] },
  );
  await vitest.close();
  return failures;
}

function results(): Results {
  return JSON.parse(readFileSync(plan.results, "utf8")) as Results;
}

/** Whether a mutant has ended the process of the tests. It then counts as killed. */
function isEnded(): boolean {
  const running = JSON.parse(readFileSync(plan.running, "utf8")) as Running;
  if (running === null) return false;
  const { id, test } = running;
  const { killed, ended, ...rest } = results();
  const more: Results = { ...rest, killed: { ...killed, [id]: test }, ended: [...ended, id] };
  writeFileSync(plan.results, JSON.stringify(more));
  writeFileSync(plan.running, "null");
  return true;
}

writeFileSync(plan.results, JSON.stringify({ killed: {}, ended: [], met: [], tests: [] } satisfies Results));
writeFileSync(plan.running, "null");
let failures = await tryMutants();
while (isEnded()) failures = await tryMutants();
process.stderr.write(failures.join("\n"));
process.stdout.write(reportOf(tried, results()));
rmSync(folder, { recursive: true });
process.exitCode = failures.length === 0 ? 0 : 1;
