/**
 * Preloaded into a command with `--import`: kills it before its write number `KILL_AT`, or lists its writes in the file
 * `WRITES`. A transaction of SQLite is one write, which its COMMIT does.
 */
import fs, { writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Redis } from "ioredis";

const KILL_AT = Number(process.env["KILL_AT"]);
const LIST = process.env["WRITES"];
/** Files that say who runs; they are no part of the work. */
const LOCKS = /owner\.pid|lock\.sqlite/;
const REDIS_WRITES: ReadonlySet<string> = new Set(["xadd", "xdel", "unlink", "rpush", "set"]);

const writes: string[] = [];

function write(what: string): void {
  if (LOCKS.test(what)) return;
  writes.push(what);
  if (writes.length === KILL_AT) process.kill(process.pid, "SIGKILL");
}

function textOf(...parts: readonly unknown[]): string {
  return parts.map(String).join(" ");
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** @param describe the write that the call does; `undefined`: it does none. */
function watch(
  owner: object,
  name: string,
  describe: (self: unknown, args: unknown[]) => string | undefined,
) {
  const original = Reflect.get(owner, name) as Call;
  const watched: Call = function (...args) {
    const what = describe(this, args);
    if (what !== undefined) write(what);
    return original.apply(this, args);
  };
  Reflect.set(owner, name, watched);
}

for (const name of ["renameSync", "rmSync", "copyFileSync"])
  watch(fs, name, (_, [path]) => textOf(name, path));
watch(fs.promises, "rename", (_, [path]) => textOf("rename", path));
const isWritten = (flags: unknown) => flags === "w";
watch(fs, "openSync", (_, [path, flags]) => (isWritten(flags) ? textOf("open", path) : undefined));
watch(fs.promises, "open", (_, [path, flags]) => (isWritten(flags) ? textOf("open", path) : undefined));
watch(fs, "mkdirSync", (_, [path]) => (fs.existsSync(String(path)) ? undefined : textOf("mkdir", path)));
syncBuiltinESMExports();

const databases = new WeakMap<object, DatabaseSync>();
const prepare = Reflect.get(DatabaseSync.prototype, "prepare");
DatabaseSync.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  databases.set(statement, this);
  return statement;
};
watch(DatabaseSync.prototype, "exec", (_, [sql]) =>
  /^(COMMIT|PRAGMA synchronous = FULL|PRAGMA wal_checkpoint)/.test(String(sql)) ? String(sql) : undefined,
);
const { prototype } = new DatabaseSync(":memory:").prepare("SELECT 1").constructor;
watch(prototype, "run", (self) => {
  const statement = self as StatementSync;
  return databases.get(statement)?.isTransaction === true ? undefined : statement.sourceSQL;
});

watch(Redis.prototype, "sendCommand", (_, [command]) => {
  const { name, args } = command as { name: string; args: unknown[] };
  return REDIS_WRITES.has(name) ? textOf(name, ...args.slice(0, 2)) : undefined;
});

if (LIST !== undefined) process.on("exit", () => writeFileSync(LIST, JSON.stringify(writes)));
