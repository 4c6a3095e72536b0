/** The client that waits for an answer. Expensive steps first check that it is still connected. */
export type Caller = Readonly<{ isGone: () => boolean }>;

/** Work was abandoned because the client has closed the connection. */
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
