/** Where the sockets between processes are: a folder that only this user can enter, gone when its owner is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SocketEnd, socketPair } from "./socket-channel.ts";

/** The smallest room that a system has for a socket's path (macOS: 104, Linux: 108), without its final zero. */
const PATH_BYTES_MAX = 103;
/** What stands behind the folder for temporary files: a name, six characters at random, a socket's number. */
const NAME = "daybook-";
const REST_BYTES = "/daybook-XXXXXX/9999999999".length;

export class SocketFolder {
  readonly path: string;
  #pairs = 0;

  /** @param root where to make it; when its path is too long for sockets, `/tmp` is taken instead. */
  constructor(root: string = tmpdir()) {
    const fits = Buffer.byteLength(root) + REST_BYTES <= PATH_BYTES_MAX;
    // Only its owner may enter (0700).
    this.path = mkdtempSync(join(fits ? root : "/tmp", NAME));
  }

  /** Ends of a new channel. The second one listens: it belongs to whoever is there already. */
  pair(): readonly [SocketEnd, SocketEnd] {
    this.#pairs += 1;
    const [listening, connecting] = socketPair(join(this.path, String(this.#pairs)));
    return [connecting, listening];
  }

  /** Channels that are open stay so. */
  remove(): void {
    removeSocketFolder(this.path);
  }
}

/** Also for whoever outlives the owner; several may do so at once. */
export function removeSocketFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Another one is removing it.
  }
}
