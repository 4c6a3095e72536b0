/**
 * The first minute on a machine of somebody else: a clean copy, the Node.js that is there, and the npm that it brought
 * along. These releases of npm leave no link to the runtime in node_modules/.bin.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { RUNTIME_PACKAGES } from "../../bin/run.mjs";
import { OPERATOR_KEY, operator, ServerProcess, testFolder, within } from "../support/server.ts";

const ROOT = join(import.meta.dirname, "../..");
const CLONED = ["bin", "src", "test", "package.json", "package-lock.json", "vitest.config.ts"];
const NODE = "20.20.2";
const NPMS = ["10.8.2", "11.5.2"];
const RUNTIME = RUNTIME_PACKAGES[`${process.platform}-${process.arch}`] as string;
const QUIET = ["--no-audit", "--no-fund"];
const MS_MAX = 3 * 60_000;

type Machine = Readonly<{ folder: string; env: NodeJS.ProcessEnv }>;

/** On a disk: what is installed is larger than some memory file systems. */
function diskFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "daybook-clone-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function run({ folder, env }: Machine, program: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env, timeout: MS_MAX });
  return stdout;
}

/** A copy of the project, and a PATH with that Node.js, that npm and what the system has. */
async function machineWith(npm: string): Promise<Machine> {
  const tools = diskFolder();
  await run({ folder: tools, env: process.env }, "npm", "i", ...QUIET, `${RUNTIME}@${NODE}`, `npm@${npm}`);
  const folder = diskFolder();
  for (const name of CLONED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const path = [join(tools, "node_modules/.bin"), "/usr/local/bin", "/usr/bin", "/bin"];
  return { folder, env: { HOME: process.env["HOME"], PATH: path.join(delimiter) } };
}

test.each(NPMS)(
  `with npm %s on Node.js ${NODE} both commands of the README work, and the command line`,
  async (npm) => {
    const clone = await machineWith(npm);
    expect(await run(clone, "node", "--version")).toBe(`v${NODE}\n`);
    expect(await run(clone, "npm", "--version")).toBe(`${npm}\n`);
    await run(clone, "npm", "ci", ...QUIET);

    expect(await run(clone, "npm", "test", "--", "test/actors/routing.test.ts")).toMatch(/1 passed/);
    expect(await run(clone, "npx", "daybook", "--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    const settings = { PATH: clone.env["PATH"] as string, DATA_DIR: testFolder(), OPERATOR_KEY };
    const server = ServerProcess.launch(settings, ["npm", "--prefix", clone.folder, "start"]);
    onTestFinished(() => server.killGroup());
    await server.serving();
    expect((await operator(server).send("GET", "/healthz")).status).toBe(200);
    server.signal("SIGTERM");
    expect((await within(15_000, "npm has ended", server.exited)).code).toBe(0);
  },
  MS_MAX,
);

test("without the runtime one line says what is missing", async () => {
  const folder = diskFolder();
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
      stderr: `daybook: ${RUNTIME} is not installed: run \`npm ci\` in ${folder}, without --omit=optional\n`,
    });
  }
});
