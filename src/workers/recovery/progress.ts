/** What takes longer says how far it is, as often as this. */
const PROGRESS_MS = 2_000;

/** Hands on a message now and then; `message` is only called when it is handed on. */
export function nowAndThen(tell: (message: string) => void): (message: () => string) => void {
  let toldMs = performance.now();
  return (message) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < PROGRESS_MS) return;
    toldMs = nowMs;
    tell(message());
  };
}
