/**
 * Breaks the rules of src/actors on purpose, one at a time, and says which breaks no unit or property test finds:
 *
 *   npm run mutate -- --only src/actors/programmes/loyalty --only src/actors/ledger/limits/velocity.ts
 *
 * A number is one too great, a comparison takes in its edge, a step is left out, and so on: see mutations.ts. A survivor is
 * a test that is missing, code that nobody needs, or a change that nobody can see.
 */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { startVitest, type TestSpecification } from "vitest/node";
import { type Mutated, mutate } from "./mutations.ts";
import type { Plan, Results } from "./plan.ts";
import { reportOf } from "./report.ts";

const ROOT = dirname(dirname(import.meta.dirname));
/** Those that need nothing but the code itself. */
const TESTS = ["test/actors/**/*.test.ts", "test/integration/programmes/*.property.test.ts"];
/** Of the usual number of runs of each property. */
const RUNS_SHARE = "0.1";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: ["src/actors"] },
    tests: { type: "string", multiple: true, default: TESTS },
  },
});

const mutated = new Map<string, Mutated>();
let count = 0;
for (const file of globSync("src/actors/**/*.ts", { cwd: ROOT }).toSorted()) {
  const result = mutate(file, readFileSync(join(ROOT, file), "utf8"), count);
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
  results: join(folder, "results.json"),
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
  const file = relative(ROOT, path.replace(/\?.*/, ""));
  return changed.has(file) ? mutated.get(file)?.code : undefined;
}

let failures = 0;
const vitest = await startVitest(
  "test",
  [],
  {
    config: false,
    root: ROOT,
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
          const errors = file.errors().map(({ stack }) => stack);
          failures += errors.length;
          process.stderr.write(`${[file.relativeModuleId, ...errors].join("\n")}\n`);
        },
        onTestCaseResult: (test) => {
          const { state, errors } = test.result();
          if (state !== "failed") return;
          failures += 1;
          process.stderr.write(`${test.fullName} fails without any change:\n${errors[0]?.stack}\n`);
        },
      },
    ],
  },
  { plugins: [{ name: "mutants", enforce: "pre", transform: (_, path) => codeOf(path) }] },
);
await vitest.close();
const results = JSON.parse(readFileSync(plan.results, "utf8")) as Results;
rmSync(folder, { recursive: true });
process.stdout.write(reportOf(tried, results));
process.exitCode = failures === 0 ? 0 : 1;
