/**
 * A clean copy of the project on a new machine, with the Node.js and npm that are installed there. These npm releases
 * create no link to the runtime in node_modules/.bin.
 */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { RUNTIME_PACKAGES } from "../../bin/run.mjs";
import { OPERATOR_KEY, ServerProcess, testFolder } from "../support/server.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Files that are not part of a clone. */
const LOCAL: ReadonlySet<string> = new Set(["node_modules", "data", "coverage", ".git"]);
const NODE = "20.20.2";
const NPMS = ["10.8.2", "11.5.2"];
const RUNTIME = RUNTIME_PACKAGES[`${process.platform}-${process.arch}`] as string;
const QUIET = ["--no-audit", "--no-fund", "--prefer-offline"];
const MS_MAX = 3 * 60_000;

type Machine = Readonly<{ folder: string; env: NodeJS.ProcessEnv }>;

/** On disk: the installed packages do not fit in some memory file systems. */
const diskFolder = () => mkdtempSync(join(tmpdir(), "daybook-clone-"));
const remove = (folder: string) => rmSync(folder, { recursive: true, force: true });

async function run({ folder, env }: Machine, program: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env, timeout: MS_MAX });
  return stdout;
}

/** The environment without the variables that the test runner and its npm have set. Keeps a proxy's certificates. */
function environment(path: readonly string[]): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_ENV$|NODE_COMPILE_CACHE$|TEST$)/.test(name),
  );
  return { ...Object.fromEntries(inherited), PATH: path.join(delimiter) };
}

/** Installs that Node.js, and each npm under its own alias. */
async function installTools(folder: string): Promise<void> {
  const npms = NPMS.map((npm) => `npm-${npm}@npm:npm@${npm}`);
  await run({ folder, env: process.env }, "npm", "i", ...QUIET, `${RUNTIME}@${NODE}`, ...npms);
}

/** Copies the project to `folder` and installs its packages, with that Node.js and npm in the PATH. */
async function clone(tools: string, npm: string, folder: string): Promise<Machine> {
  for (const name of readdirSync(ROOT).filter((each) => !LOCAL.has(each)))
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      filter: (from) => !LOCAL.has(basename(from)),
    });
  const bin = join(tools, npm);
  mkdirSync(bin);
  for (const name of ["npm", "npx"])
    symlinkSync(join(tools, `node_modules/npm-${npm}/bin/${name}-cli.js`), join(bin, name));
  symlinkSync(join(tools, "node_modules", RUNTIME, "bin/node"), join(bin, "node"));
  const machine = { folder, env: environment([bin, "/usr/local/bin", "/usr/bin", "/bin"]) };
  await run(machine, "npm", "ci", ...QUIET);
  return machine;
}

const machines = new Map<string, Machine>();

beforeAll(async () => {
  const tools = diskFolder();
  const folders = NPMS.map(diskFolder);
  await installTools(tools);
  await Promise.all(
    NPMS.map(async (npm, i) => machines.set(npm, await clone(tools, npm, folders[i] as string))),
  );
  return () => [tools, ...folders].forEach(remove);
}, MS_MAX);

test.each(NPMS)(
  `with npm %s on Node.js ${NODE} both commands of the README work`,
  async (npm) => {
    const machine = machines.get(npm) as Machine;
    expect(await run(machine, "node", "--version")).toBe(`v${NODE}\n`);
    expect(await run(machine, "npm", "--version")).toBe(`${npm}\n`);
    expect(await run(machine, "npm", "test", "--", "test/actors/ledger/routing.test.ts")).toMatch(/1 passed/);
    const settings = { PATH: machine.env["PATH"] as string, DATA_DIR: testFolder(), OPERATOR_KEY };
    const server = ServerProcess.launch(settings, ["npm", "--prefix", machine.folder, "start"]);
    onTestFinished(() => server.killGroup());
    await server.serving();
    const listens = async () =>
      fetch(`${server.url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await listens()).toBe(true);
    server.signal("SIGTERM");
    // npm 11.5 exits at once with code 1, even while its script is still running.
    await until("the server has ended", async () => !(await listens()));
    expect(server.errorLines.filter((line) => line.startsWith("daybook: "))).toEqual([]);
  },
  MS_MAX,
);

test(
  "the command line, the other npm scripts and the tools of `npm run check` work",
  async () => {
    const machine = machines.get(NPMS[0] as string) as Machine;
    expect(existsSync(join(machine.folder, "node_modules/.bin/node"))).toBe(false);
    expect(await run(machine, "npx", "daybook", "--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await run(machine, "npm", "run", "daybook", "--", "--help")).toContain("Usage: daybook");
    expect(await run(machine, "npm", "start", "--", "--help")).toContain("PORT, --port");
    expect(await run(machine, "npm", "run", "seed", "--", "--help")).toContain("Usage: daybook seed");
    expect(await run(machine, "npm", "run", "simulate", "--", "--seeds", "1")).toContain("clean: 1 seed");
    for (const tool of ["biome", "oxlint", "tsc", "knip"])
      expect(await run(machine, "npx", tool, "--version")).toMatch(/\d+\.\d+\.\d+/);
  },
  MS_MAX,
);

test("without the runtime package, one line says what is missing and how to install it", async () => {
  const folder = diskFolder();
  onTestFinished(() => remove(folder));
  cpSync(join(ROOT, "bin"), join(folder, "bin"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
  for (const args of [
    ["run.mjs", "src/main.ts"],
    ["daybook.mjs", "--help"],
  ]) {
    const [program, ...rest] = args;
    const ended = run({ folder, env: process.env }, process.execPath, `bin/${program}`, ...rest);
    await expect(ended).rejects.toMatchObject({
      code: 1,
      stdout: "",
      stderr: `daybook: ${RUNTIME} is not installed: run \`npm ci\` in ${folder} again, without --omit=optional; npm does not say when it could not download it\n`,
    });
  }
});
