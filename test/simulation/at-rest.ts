/** Whether a run is at rest, by the memory of its shards. */
import type { Network } from "./sim-channel.ts";
import type { SimServer } from "./sim-server.ts";

/** All is durable, every message is received and forgotten, and no reservation belongs to a finished transfer. */
export function isAtRest(server: SimServer | undefined, network: Network): boolean {
  if (server?.isReady !== true || !network.isQuiet) return false;
  const { running } = server.carrier;
  const isIdle = [...running.values()].every(({ host }) => {
    const stats = host?.stats();
    return stats !== undefined && stats.position === stats.durablePosition;
  });
  if (!isIdle) return false;
  return server.statuses.every((_, shard) =>
    server.statuses.every((__, other) => {
      const here = running.get(shard)?.ledger;
      const there = running.get(other)?.ledger;
      if (here === undefined || there === undefined) return false;
      const { sent, forgotten } = here.exchange(other);
      const kept = here.compound.reservations.idsOf(other);
      return (
        sent === forgotten &&
        there.exchange(shard).received === sent &&
        kept.every((id) => there.compound.pending.get(id) !== undefined)
      );
    }),
  );
}
