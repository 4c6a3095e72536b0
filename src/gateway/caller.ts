/** Who waits for an answer: before each expensive step it is asked whether somebody still does. */
export type Caller = Readonly<{ isGone: () => boolean }>;

/** Work was left off, since nobody would have read what came of it. */
export class CallerGone extends Error {
  constructor() {
    super("the client has closed the connection");
    this.name = "CallerGone";
  }
}

/** @throws CallerGone */
export function refuseGone(caller: Caller | undefined): void {
  if (caller?.isGone() === true) throw new CallerGone();
}
