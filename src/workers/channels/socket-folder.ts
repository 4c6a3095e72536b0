/** The folder of the sockets between processes. Only this user can enter it; it is removed when its owner ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SocketEnd, socketPair } from "./socket-channel.ts";

/** Longest path of a socket on any system (macOS: 104, Linux: 108 bytes), without the final zero. */
const PATH_BYTES_MAX = 103;
/** The path below the folder for temporary files: a name with six random characters, and the number of a socket. */
const NAME = "daybook-";
const REST_BYTES = "/daybook-XXXXXX/9999999999".length;

export class SocketFolder {
  readonly path: string;
  #pairs = 0;

  /** @param root the parent folder; if its path is too long for sockets, `/tmp` is used instead. */
  constructor(root: string = tmpdir()) {
    const fits = Buffer.byteLength(root) + REST_BYTES <= PATH_BYTES_MAX;
    // Created with mode 0700.
    this.path = mkdtempSync(join(fits ? root : "/tmp", NAME));
  }

  /** The ends of a new channel. The second one listens: give it to the party that already runs. */
  pair(): readonly [SocketEnd, SocketEnd] {
    this.#pairs += 1;
    const [listening, connecting] = socketPair(join(this.path, String(this.#pairs)));
    return [connecting, listening];
  }

  /** Open channels stay open. */
  remove(): void {
    removeSocketFolder(this.path);
  }
}

/** Also called by processes that outlive the owner, possibly several at once. */
export function removeSocketFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Another process is removing it.
  }
}
