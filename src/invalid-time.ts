/** A time in a request that is on the wrong side of now: of log time, so that it takes a shard to tell. */
export class InvalidTime extends Error {
  /** Of the field, dotted. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = "InvalidTime";
    this.path = path;
  }
}
