/** A rival under test: its store, and a separate server process in front. */
import { fileURLToPath } from "node:url";
import { type Spawned, start, stop, waitForLine } from "../child-processes.ts";
import { type CpuTimes, cpuUsOfTree } from "../process-tree.ts";
import type { Subject } from "../subject.ts";
import { FUNDS, pointsOf, savingsOf } from "./owner-transfers.ts";
import { openRival } from "./rival-kinds.ts";
import type { RivalKind, RivalLedger, RivalTotals } from "./rival-ledger.ts";

const PROGRAM = fileURLToPath(new URL("rival.ts", import.meta.url));

/** The store's own process, already running. */
export type Store = Readonly<{ kind: RivalKind; socket: string; pid: number; stop(): Promise<void> }>;

export class RivalServer implements Subject {
  readonly #store: Store;
  /** A client for filling and counting; the server has its own. */
  readonly #ledger: RivalLedger;
  #server: Spawned | undefined;
  readonly token = "none";
  url = "";

  private constructor(store: Store, ledger: RivalLedger) {
    this.#store = store;
    this.#ledger = ledger;
  }

  static async start(store: Store, owners: number): Promise<RivalServer> {
    const ledger = openRival(store.kind, store.socket, 1);
    const all = Array.from({ length: owners }, (_, owner) => [
      { id: pointsOf(owner), posted: FUNDS },
      { id: savingsOf(owner), posted: 0 },
    ]);
    await ledger.fill(all.flat());
    return new RivalServer(store, ledger);
  }

  /** Restarts its server process with this number of connections to the store. */
  async serve(connections: number): Promise<void> {
    if (this.#server !== undefined) await stop(this.#server);
    const { kind, socket } = this.#store;
    this.#server = start(process.execPath, [PROGRAM, kind, socket, String(connections)]);
    const [, url = ""] = await waitForLine(this.#server, /listens on (\S+)/);
    this.url = url;
  }

  cpuTimes(): CpuTimes {
    const server = this.#server === undefined ? 0 : cpuUsOfTree(this.#server.pid);
    return new Map([
      ["server", server],
      ["store", cpuUsOfTree(this.#store.pid)],
    ]);
  }

  settle(): Promise<void> {
    return this.#ledger.settle();
  }

  /** Its books are compared with what was answered: see `totals`. */
  async check(): Promise<void> {}

  totals(): Promise<RivalTotals> {
    return this.#ledger.totals();
  }

  async stop(): Promise<void> {
    if (this.#server !== undefined) await stop(this.#server);
    await this.#ledger.close();
    await this.#store.stop();
  }
}
