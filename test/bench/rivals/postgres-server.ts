/** A private PostgreSQL on a unix socket, as durable as the other subjects: every commit waits for its fsync. */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { run, type Spawned, start, stop, waitForLine } from "../child-processes.ts";

export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  synchronous_commit: "on",
  fsync: "on",
  full_page_writes: "on",
  shared_buffers: "512MB",
  wal_buffers: "64MB",
  // No checkpoint during a run.
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  max_connections: "200",
  jit: "off",
};

/** Where Debian installs the server programs, which are not on the PATH. */
const DEBIAN = "/usr/lib/postgresql";
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const HALT_ATTEMPTS = 3;
const HALT_PAUSE_MS = 200;

type Owner = Readonly<{ uid: number; gid: number }>;

export type PostgresPrograms = Readonly<{
  folder: string;
  version: string;
  /** PostgreSQL refuses to run as root; `undefined`: the current user. */
  owner: Owner | undefined;
}>;

/** @returns the reason if it is not available. */
export function findPostgres(): PostgresPrograms | string {
  const folder = programFolders().find(hasPostgres);
  if (folder === undefined) return "PostgreSQL is not on this machine";
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? ownerNamed("postgres") : undefined;
  if (isRoot && owner === undefined) return "PostgreSQL does not run as root, and there is no user postgres";
  const { stdout } = spawnSync(join(folder, "postgres"), ["--version"], { encoding: "utf8" });
  return { folder, version: /\d+(\.\d+)*/.exec(stdout)?.[0] ?? "unknown", owner };
}

function programFolders(): string[] {
  const onPath = (process.env["PATH"] ?? "").split(delimiter);
  try {
    const versions = readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a));
    return [...onPath, ...versions.map((version) => join(DEBIAN, version, "bin"))];
  } catch {
    return onPath;
  }
}

function hasPostgres(folder: string): boolean {
  try {
    for (const program of ["initdb", "postgres", "pg_ctl"]) accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ownerNamed(name: string): Owner | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

export type PrivatePostgres = Readonly<{
  /** The folder of the socket, which clients use as host. */
  socketFolder: string;
  pid: number;
  stop(): Promise<void>;
}>;

/** In a folder of its own inside of `parent`. */
export async function startPostgres(parent: string, programs: PostgresPrograms): Promise<PrivatePostgres> {
  const { owner } = programs;
  const home = join(parent, "postgres");
  const data = join(home, "data");
  mkdirSync(home, { mode: 0o700 });
  if (owner !== undefined) {
    chownSync(home, owner.uid, owner.gid);
    // The other user must be able to enter its folder, but not to list this one.
    for (const folder of [parent, dirname(parent)]) chmodSync(folder, statSync(folder).mode | 0o011);
  }
  const as = { cwd: home, ...owner };
  const program = (name: string) => join(programs.folder, name);
  const init = ["-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"];
  // Let it finish in any case: aborted, it would leave a database running on files that are about to be deleted.
  const { status, stderr } = spawnSync(program("initdb"), init, {
    ...as,
    encoding: "utf8",
    timeout: START_MS_MAX,
  });
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`);

  const settings = { ...POSTGRES_SETTINGS, listen_addresses: "", unix_socket_directories: home };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // It logs to stderr only.
  const command = ["-c", 'exec "$@" 2>&1', "sh", program("postgres"), "-D", data, ...args];
  const spawned: Spawned = start("sh", command, as);
  const halt = () => haltNow(program("pg_ctl"), data, as);
  process.prependListener("exit", halt);
  await waitForLine(spawned, /ready to accept connections/);
  return {
    socketFolder: home,
    pid: spawned.pid,
    async stop() {
      await run(program("pg_ctl"), ["stop", "-D", data, "-m", "fast"], { ...as, timeoutMs: STOP_MS_MAX });
      await stop(spawned);
      process.off("exit", halt);
    },
  };
}

/**
 * At exit one can only wait for a program that runs to its end, and SIGKILL would leave shared memory behind. A server
 * that was just started cannot be found for a moment.
 */
function haltNow(program: string, data: string, as: Readonly<{ cwd: string }>): void {
  for (let i = 0; i < HALT_ATTEMPTS; i++) {
    const args = ["stop", "-D", data, "-m", "immediate"];
    if (spawnSync(program, args, { ...as, timeout: STOP_MS_MAX }).status === 0) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HALT_PAUSE_MS);
  }
}
