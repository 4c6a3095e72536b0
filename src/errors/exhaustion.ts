/** Recognises exhausted resources of the machine or process. Such failures pass once the resource is available again. */

const CODES = "EMFILE|ENFILE|ENOMEM|ENOSPC|EDQUOT|EAGAIN";
const CODE = new RegExp(`^(?:${CODES})$`);
/** An error that crossed a thread may have lost its code, and a failed thread start reports only a message. */
const MESSAGE = new RegExp(
  `^(?:\\w*Error: )?(?:${CODES}): |initialization failure: (?:${CODES})\\b|^spawn .* (?:${CODES})$`,
);
/** SQLITE_NOMEM, SQLITE_FULL, SQLITE_CANTOPEN. */
const SQLITE_CODES: ReadonlySet<number> = new Set([7, 13, 14]);
/** SQLITE_IOERR_SHMSIZE: the shared memory of its WAL cannot grow, because the disk is full. */
const SQLITE_NO_SHARED_MEMORY = 4874;
const CAUSES_MAX = 8;

/** Whether the error, or one of its causes, is a lack of file descriptors, memory, processes or disk space. */
export function isExhaustion(error: unknown): error is Error {
  let each = error;
  for (let depth = 0; depth < CAUSES_MAX && each instanceof Error; depth++) {
    if ("code" in each && typeof each.code === "string" && CODE.test(each.code)) return true;
    if ("errcode" in each && typeof each.errcode === "number" && isSqliteExhaustion(each.errcode))
      return true;
    if (MESSAGE.test(each.message)) return true;
    each = each.cause;
  }
  return false;
}

function isSqliteExhaustion(code: number): boolean {
  return SQLITE_CODES.has(code & 0xff) || code === SQLITE_NO_SHARED_MEMORY;
}
