/** Data that is reported durable was synced before: checks the system calls in between with strace. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { straceProgram } from "../support/programs.ts";
import { COMPILED_BEFORE } from "../support/server.ts";

const CHILD = join(import.meta.dirname, "../support/syncing-child.ts");

let folder: string;
let calls: readonly string[];

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "daybook-syncs-")));
  const trace = join(folder, "trace");
  const traced = "trace=write,fsync,fdatasync,rename,renameat,renameat2";
  // -y prints the file of each descriptor.
  const args = ["-f", "-y", "-s", "64", "-e", traced, "-o", trace, process.execPath, CHILD, folder];
  const env = { PATH: process.env["PATH"], ...COMPILED_BEFORE };
  const { status, stdout, stderr } = spawnSync(straceProgram(), args, { encoding: "utf8", env });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("verified 1\n");
  calls = readFileSync(trace, "utf8").split("\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The paths below the folder that were synced or renamed to between the two marks of a name, in order. */
function callsOf(name: string): readonly string[] {
  const markAt = (mark: string) => calls.findIndex((call) => call.includes(`"${mark} ${name}\\n"`));
  const [begin, end] = [markAt("begin"), markAt("end")];
  expect(begin).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(begin);
  return calls.slice(begin, end).flatMap((call) => {
    const [, synced] = /\bf(?:data)?sync\(\d+<([^>]+)>/.exec(call) ?? [];
    if (synced !== undefined) return [`sync ${pathOf(synced)}`];
    const [, renamed] = /\brename(?:at2?)?\(.*"([^"]+)"/.exec(call) ?? [];
    return renamed === undefined ? [] : [`rename ${pathOf(renamed)}`];
  });
}

function pathOf(path: string): string {
  return path.startsWith(folder) ? path.slice(folder.length + 1) : path;
}

test("a witness: its bytes, then its name, then the folder of the name", () => {
  expect(callsOf("witness")).toEqual([
    "sync data/witness-g1s0.json.new",
    "rename data/witness-g1s0.json",
    "sync data",
  ]);
});

test("a new sqlite log: its first entry, the name of the file, and that of its folder", () => {
  const synced = callsOf("claim");
  expect(synced).toEqual(expect.arrayContaining(["sync wal/g1s0.sqlite-wal", "sync wal", "sync "]));
});

test("a batch in a sqlite log, before the append is reported durable", () => {
  expect(callsOf("batch")).toEqual(["sync wal/g1s0.sqlite-wal"]);
});

test("a chunk of a snapshot, and the name of the file that the first chunk creates", () => {
  const wal = "sync snapshots/g1s0.snapshots.sqlite-wal";
  expect(callsOf("first chunk")).toEqual(expect.arrayContaining([wal, "sync snapshots"]));
  expect(callsOf("chunk")).toEqual([wal]);
});

test("the archive, before it reports how far the log may be trimmed", () => {
  expect(callsOf("trim position").slice(0, 2)).toEqual([
    "sync archive/archive.sqlite-wal",
    "sync archive/archive.sqlite",
  ]);
});

test("a file of the index and its name, before the database refers to it", () => {
  const synced = callsOf("index");
  expect(synced[0]).toMatch(/^sync archive\/index\/\d+\.run$/);
  expect(synced[1]).toBe("sync archive/index");
});
