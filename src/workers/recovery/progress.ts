/** Interval of progress messages. */
const PROGRESS_MS = 2_000;

/** Reports at most one message per interval; `message` is called only for those. */
export function throttled(report: (message: string) => void): (message: () => string) => void {
  let reportedMs = performance.now();
  return (message) => {
    const nowMs = performance.now();
    if (nowMs - reportedMs < PROGRESS_MS) return;
    reportedMs = nowMs;
    report(message());
  };
}
