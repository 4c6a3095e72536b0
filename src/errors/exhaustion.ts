/** Failures for want of something that the whole machine or process shares. They pass when that is there again. */

const CODES = "EMFILE|ENFILE|ENOMEM|ENOSPC|EDQUOT|EAGAIN";
const CODE = new RegExp(`^(?:${CODES})$`);
/** An error that has crossed a thread may have lost its code; a thread that cannot begin says it in words alone. */
const MESSAGE = new RegExp(
  `^(?:\\w*Error: )?(?:${CODES}): |initialization failure: (?:${CODES})\\b|^spawn .* (?:${CODES})$`,
);
/** What SQLite says when it can open no file, has no memory, or no room on the disk. */
const SQLITE_CODES: ReadonlySet<number> = new Set([7, 13, 14]);
/** The shared memory beside its log cannot grow (SQLITE_IOERR_SHMSIZE): no room either. */
const SQLITE_NO_SHARED_MEMORY = 4874;
const CAUSES_MAX = 8;

/** Whether file descriptors, memory, processes or room on a disk were missing; causes are looked at, too. */
export function isExhaustion(error: unknown): error is Error {
  let each = error;
  for (let depth = 0; depth < CAUSES_MAX && each instanceof Error; depth++) {
    if ("code" in each && typeof each.code === "string" && CODE.test(each.code)) return true;
    if ("errcode" in each && typeof each.errcode === "number" && isLackOfSqlite(each.errcode)) return true;
    if (MESSAGE.test(each.message)) return true;
    each = each.cause;
  }
  return false;
}

function isLackOfSqlite(code: number): boolean {
  return SQLITE_CODES.has(code & 0xff) || code === SQLITE_NO_SHARED_MEMORY;
}
