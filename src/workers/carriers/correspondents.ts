/** Gives everybody who talks to a shard a channel to it, whenever the shard starts, or a channel has broken. */
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { Party } from "../shard/messages.ts";
import type { Supervised } from "../supervisor/supervised.ts";
import type { Carrier } from "./carrier.ts";

/** Somebody outside the shards who talks to each of them, over a channel of its own. */
export type Correspondent = Readonly<{
  party: Exclude<Party, { kind: "shard" }>;
  /** Whenever a shard starts there is a new channel to it. */
  attach: (shard: number, end: ChannelEnd) => void;
  /** The shard has stopped answering, or answers again: what is sent to it would only wait. */
  silent?: (shard: number, isSilent: boolean) => void;
}>;

type Shard = Pick<Supervised, "shard" | "running">;

export class Correspondents {
  readonly #carrier: Pick<Carrier, "channel">;
  readonly #shards: readonly Shard[];
  readonly #known: Correspondent[] = [];

  constructor(carrier: Pick<Carrier, "channel">, shards: readonly Shard[]) {
    this.#carrier = carrier;
    this.#shards = shards;
  }

  connect(correspondent: Correspondent): void {
    this.#forget(correspondent.party);
    this.#known.push(correspondent);
    for (const shard of this.#shards) this.#meet(correspondent, shard);
  }

  disconnect(party: Correspondent["party"]): void {
    this.#forget(party);
    if (party.kind !== "gateway") return;
    for (const { running } of this.#shards) running?.post({ type: "gateway_gone", gateway: party.number });
  }

  /** A shard has started: to all others, and to everybody else. */
  introduce(shard: Shard): void {
    for (const correspondent of this.#known) this.#meet(correspondent, shard);
    for (const other of this.#shards) if (other !== shard) this.#join(shard, other);
  }

  /** The channel between two who live has broken, and stays so unless they get another. */
  renew(shard: Shard, party: Party): void {
    if (party.kind === "shard") {
      const other = this.#shards[party.number];
      if (other !== undefined) this.#join(shard, other);
      return;
    }
    const correspondent = this.#known.find((known) => isSameParty(known.party, party));
    if (correspondent !== undefined) this.#meet(correspondent, shard);
  }

  tellSilent(shard: number, isSilent: boolean): void {
    for (const { silent } of this.#known) silent?.(shard, isSilent);
  }

  #forget(party: Correspondent["party"]): void {
    const at = this.#known.findIndex((known) => isSameParty(known.party, party));
    if (at >= 0) this.#known.splice(at, 1);
  }

  #join(one: Shard, other: Shard): void {
    if (one.running === undefined || other.running === undefined) return;
    const [here, there] = this.#carrier.channel();
    one.running.post({ type: "channel", party: { kind: "shard", number: other.shard }, end: here });
    other.running.post({ type: "channel", party: { kind: "shard", number: one.shard }, end: there });
  }

  #meet(correspondent: Correspondent, { shard, running }: Shard): void {
    if (running === undefined) return;
    const [here, there] = this.#carrier.channel();
    running.post({ type: "channel", party: correspondent.party, end: here });
    correspondent.attach(shard, there);
  }
}

function isSameParty(a: Party, b: Party): boolean {
  return a.kind === b.kind && ("number" in a ? a.number : 0) === ("number" in b ? b.number : 0);
}
