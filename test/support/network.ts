/**
 * Machines of a network on one machine: namespaces whose links can be cut, each way by itself. A second network, which is
 * never cut, leads from the tests to each of them. Needs root and `ip` of iproute2.
 */
import { spawnSync } from "node:child_process";
import { ipProgram } from "./programs.ts";

/** Packets to this address reach nobody, and nobody says so. */
const NOBODY = "02:00:00:00:00:fe";
const NETWORKS_MAX = 200;

/** A machine of the network. */
export type Place = Readonly<{
  namespace: string;
  /** Its address among the others. */
  host: string;
  /** Its address for the tests. */
  controlHost: string;
}>;

/** A run that was killed could not remove its networks: the next one takes other numbers. */
const alive = new Set<Network>();
process.on("exit", () => {
  for (const network of alive) network.destroy();
});

/** Why this machine can have no network of namespaces; `undefined` if it can. Said once, in one line. */
export function missingNetwork(): string | undefined {
  try {
    new Network(0).destroy();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`Cuts of the network are not tested. No namespaces: ${reason}`);
    return reason;
  }
}

export class Network {
  readonly places: readonly Place[];
  readonly #id: number;
  readonly #cuts = new Set<string>();
  readonly #links: string[] = [];

  /** @throws Error this machine lets us have no namespaces. */
  constructor(count: number) {
    this.#id = freeNumber();
    alive.add(this);
    this.places = Array.from({ length: count }, (_, no) => ({
      namespace: `daybook-${this.#id}-${no}`,
      host: `10.212.${this.#id}.${no + 1}`,
      controlHost: `10.213.${this.#id}.${no + 1}`,
    }));
    try {
      for (const bridge of this.#bridges) ip(["link", "set", bridge, "up"]);
      ip(["addr", "add", `10.213.${this.#id}.254/24`, "dev", this.#bridges[1]]);
      for (const [no, place] of this.places.entries()) this.#add(place, no);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** The command that runs a program at a place. It becomes that program: the process id stays. */
  static at({ namespace }: Place, ...command: readonly string[]): [string, ...string[]] {
    return [ipProgram(), "netns", "exec", namespace, ...command];
  }

  /** Nothing from these places arrives at those any more, silently. */
  cutWay(from: readonly Place[], to: readonly Place[]): void {
    for (const { namespace } of from) {
      const lines = to
        .filter((place) => place.namespace !== namespace)
        .map(({ host }) => `neigh replace ${host} lladdr ${NOBODY} dev eth0 nud permanent`);
      this.#cuts.add(namespace);
      ip(["-n", namespace, "-batch", "-"], lines.join("\n"));
    }
  }

  /** Cuts both ways. */
  cut(some: readonly Place[], others: readonly Place[]): void {
    this.cutWay(some, others);
    this.cutWay(others, some);
  }

  heal(): void {
    for (const namespace of this.#cuts)
      ip(["-n", namespace, "neigh", "flush", "dev", "eth0", "nud", "permanent"]);
    this.#cuts.clear();
  }

  destroy(): void {
    alive.delete(this);
    // Left to itself, an interface outlives its namespace for a while.
    for (const name of this.#links) run(["link", "del", name]);
    for (const { namespace } of this.places) run(["netns", "del", namespace]);
    for (const bridge of this.#bridges) run(["link", "del", bridge]);
  }

  get #bridges(): readonly [string, string] {
    return [bridgeOf(this.#id), `daybook-c${this.#id}`];
  }

  #add({ namespace, host, controlHost }: Place, no: number): void {
    ip(["netns", "add", namespace]);
    const links = [
      ["eth0", this.#bridges[0], host],
      ["ctl0", this.#bridges[1], controlHost],
    ] as const;
    for (const [name, bridge, address] of links) {
      const outer = `db${this.#id}-${no}${name[0]}`;
      this.#links.push(outer);
      ip(["link", "add", outer, "type", "veth", "peer", "name", name, "netns", namespace]);
      ip(["link", "set", outer, "master", bridge, "up"]);
      ip(["-n", namespace, "addr", "add", `${address}/24`, "dev", name]);
      ip(["-n", namespace, "link", "set", name, "up"]);
    }
    ip(["-n", namespace, "link", "set", "lo", "up"]);
  }
}

function bridgeOf(id: number): string {
  return `daybook-p${id}`;
}

let made = 0;

/** Takes a number by making its bridges: that fails if another run has it. */
function freeNumber(): number {
  let problem = "";
  for (let tries = 0; tries < NETWORKS_MAX; tries++) {
    // What a run that was killed has left behind is not in the way of the next one.
    const id = 1 + ((process.pid + made++) % NETWORKS_MAX);
    const { status, stderr } = run(["link", "add", bridgeOf(id), "type", "bridge"]);
    problem = stderr.trim();
    if (status !== 0 && problem.includes("exists")) continue;
    if (status !== 0) break;
    ip(["link", "add", `daybook-c${id}`, "type", "bridge"]);
    return id;
  }
  throw new Error(problem);
}

function ip(args: readonly string[], input = ""): void {
  const { status, stderr } = run(args, input);
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
}

function run(args: readonly string[], input = ""): { status: number | null; stderr: string } {
  return spawnSync(ipProgram(), args, { input, encoding: "utf8" });
}
