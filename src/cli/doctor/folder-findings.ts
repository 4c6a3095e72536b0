/** Checks a folder that the server writes to, for `daybook doctor`. */
import { accessSync, constants, readFileSync, statfsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatBytes } from "../terminal.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

const FREE_BYTES_PROBLEM = 100e6;
const FREE_BYTES_WARNING = 1e9;

/** Magic numbers of statfs(2) on Linux. */
const NETWORKS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9P"],
  [0x00c36400, "Ceph"],
]);
const TMPFS = 0x01021994;
const OVERLAY = 0x794c7630;

/** @param holdsLog whether the log is in the folder, which must then be on a local disk. */
export function examineFolder(label: string, folder: string, holdsLog: boolean): readonly Finding[] {
  const name = `${label} ${resolve(folder)}`;
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return [warning(`${name} does not exist: the first start creates it`)];
  if (!found.isDirectory()) return [problem(`${name} is not a folder`)];
  const { type, bavail, bsize } = statfsSync(folder);
  return [
    ...examineAccess(name, folder),
    ...(process.platform === "linux" ? examineDisk(name, type, holdsLog) : []),
    examineSpace(name, bavail * bsize),
    ...examineOwner(name, folder),
  ];
}

export function examineSpace(name: string, freeBytes: number): Finding {
  const text = `${name}: ${formatBytes(freeBytes)} free`;
  if (freeBytes < FREE_BYTES_PROBLEM)
    return problem(`${text}: soon nothing can be written`, "free some space");
  return freeBytes < FREE_BYTES_WARNING ? warning(text, "free some space") : ok(text);
}

/** @param type the type of the file system, as in statfs(2) of Linux. */
export function examineDisk(name: string, type: number, holdsLog: boolean): readonly Finding[] {
  const network = NETWORKS.get(type);
  if (network !== undefined) {
    const text = `${name} is on a network (${network}): its locks and syncs are not reliable`;
    return [holdsLog ? problem(text, "move it to a local disk") : warning(text, "move it to a local disk")];
  }
  if (type === TMPFS) return [warning(`${name} is in memory (tmpfs): it is lost when the machine stops`)];
  if (type === OVERLAY) {
    return [
      warning(
        `${name} is in the writable layer of a container: it is lost with the container`,
        "mount a volume there",
      ),
    ];
  }
  return [ok(`${name} is on a local disk`)];
}

function examineAccess(name: string, folder: string): readonly Finding[] {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return [];
  } catch {
    return [
      problem(
        `${name} cannot be written to by this user`,
        "run this as the server's user, or change the owner of the folder",
      ),
    ];
  }
}

/** Reads the pid file without touching the lock: a server that starts at this moment must not find it taken. */
function examineOwner(name: string, folder: string): readonly Finding[] {
  let pid: number;
  try {
    pid = Number(readFileSync(join(folder, "owner.pid"), "utf8"));
  } catch {
    return [];
  }
  if (!Number.isSafeInteger(pid) || pid < 1) return [];
  return [
    ok(
      isAlive(pid)
        ? `${name} is in use by process ${pid}`
        : `${name}: no server runs on it (the last one was ${pid})`,
    ),
  ];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
