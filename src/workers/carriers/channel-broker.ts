/** Connects gateways, archive and shards by new channels when a shard starts or a channel has broken. */
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { Party } from "../shard/messages.ts";
import type { Supervised } from "../supervisor/supervised.ts";
import type { Carrier } from "./carrier.ts";

/** A gateway or the archive: it has one channel to each shard. */
export type ShardClient = Readonly<{
  party: Exclude<Party, { kind: "shard" }>;
  /** Called with a new channel to the shard, whenever it starts. */
  attach: (shard: number, end: ChannelEnd) => void;
  /** Called when the shard stops answering or answers again: requests to a silent shard would only wait. */
  silent?: (shard: number, isSilent: boolean) => void;
}>;

type Shard = Pick<Supervised, "shard" | "running">;

export class ChannelBroker {
  readonly #carrier: Pick<Carrier, "channel">;
  readonly #shards: readonly Shard[];
  readonly #clients: ShardClient[] = [];

  constructor(carrier: Pick<Carrier, "channel">, shards: readonly Shard[]) {
    this.#carrier = carrier;
    this.#shards = shards;
  }

  addClient(client: ShardClient): void {
    this.#remove(client.party);
    this.#clients.push(client);
    for (const shard of this.#shards) this.#connectClient(client, shard);
  }

  removeClient(party: ShardClient["party"]): void {
    this.#remove(party);
    if (party.kind !== "gateway") return;
    for (const { running } of this.#shards) running?.post({ type: "gateway_gone", gateway: party.number });
  }

  /** Connects a shard that has started with all clients and all other shards. */
  connectShard(shard: Shard): void {
    for (const client of this.#clients) this.#connectClient(client, shard);
    for (const other of this.#shards) if (other !== shard) this.#connectPeers(shard, other);
  }

  /** Replaces a broken channel between a shard and a party that are both alive. */
  reconnect(shard: Shard, party: Party): void {
    if (party.kind === "shard") {
      const other = this.#shards[party.number];
      if (other !== undefined) this.#connectPeers(shard, other);
      return;
    }
    const client = this.#clients.find((each) => isSameParty(each.party, party));
    if (client !== undefined) this.#connectClient(client, shard);
  }

  reportSilence(shard: number, isSilent: boolean): void {
    for (const { silent } of this.#clients) silent?.(shard, isSilent);
  }

  #remove(party: ShardClient["party"]): void {
    const at = this.#clients.findIndex((each) => isSameParty(each.party, party));
    if (at >= 0) this.#clients.splice(at, 1);
  }

  #connectPeers(one: Shard, other: Shard): void {
    if (one.running === undefined || other.running === undefined) return;
    const [ownEnd, otherEnd] = this.#carrier.channel();
    one.running.post({ type: "channel", party: { kind: "shard", number: other.shard }, end: ownEnd });
    other.running.post({ type: "channel", party: { kind: "shard", number: one.shard }, end: otherEnd });
  }

  #connectClient(client: ShardClient, { shard, running }: Shard): void {
    if (running === undefined) return;
    const [ownEnd, otherEnd] = this.#carrier.channel();
    running.post({ type: "channel", party: client.party, end: ownEnd });
    client.attach(shard, otherEnd);
  }
}

function isSameParty(a: Party, b: Party): boolean {
  return a.kind === b.kind && ("number" in a ? a.number : 0) === ("number" in b ? b.number : 0);
}
