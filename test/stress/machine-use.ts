/** Processor time and memory of the server, its shards and its Redis during a load. */
import { cpuTimesOfServer, processTree, proportionalBytes, residentBytes } from "../bench/process-tree.ts";

const SAMPLE_MS = 200;
const MEGABYTE = 2 ** 20;

export type MachineUse = Readonly<{
  /** Number of busy processors, in total. */
  cores: number;
  /** µs of processor time for each transfer, by role; `total` is their sum. */
  cpuUs: Readonly<Record<string, number>>;
  /** PSS of server and children before the load, in MB. */
  idlePssMb: number;
  /** Peak of the summed RSS of server and children. */
  rssPeakMb: number;
  /** PSS after the load. */
  pssMb: number;
}>;

export class MachineMeter {
  readonly #server: number;
  readonly #redis: number;
  readonly #timer: NodeJS.Timeout;
  #idlePss = 0;
  #rssPeak = 0;
  #pss = 0;
  #begun = { atMs: 0, cpu: new Map<string, number>() };
  #ended = { atMs: 0, cpu: new Map<string, number>() };

  constructor(server: number, redis: number) {
    this.#server = server;
    this.#redis = redis;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Measures the idle state: accounts are open and funded. */
  idle(): void {
    this.#idlePss = proportionalBytes(processTree(this.#server));
  }

  /** Starts counting processor time. */
  begin(): void {
    this.#begun = this.#read();
  }

  /** Stops counting. */
  end(): void {
    this.#ended = this.#read();
    this.#sample();
    this.#pss = proportionalBytes(processTree(this.#server));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  use(transfers: number): MachineUse {
    const cpuUs: Record<string, number> = {};
    let totalUs = 0;
    for (const [role, us] of this.#ended.cpu) {
      const spent = us - (this.#begun.cpu.get(role) ?? 0);
      cpuUs[role] = spent / transfers;
      totalUs += spent;
    }
    cpuUs["total"] = totalUs / transfers;
    return {
      cores: totalUs / ((this.#ended.atMs - this.#begun.atMs) * 1000),
      cpuUs,
      idlePssMb: this.#idlePss / MEGABYTE,
      rssPeakMb: this.#rssPeak / MEGABYTE,
      pssMb: this.#pss / MEGABYTE,
    };
  }

  #read() {
    return { atMs: performance.now(), cpu: new Map(cpuTimesOfServer(this.#server, this.#redis)) };
  }

  #sample(): void {
    this.#rssPeak = Math.max(this.#rssPeak, residentBytes(processTree(this.#server)));
  }
}
