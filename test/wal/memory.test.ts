import { MemoryStore } from "../../src/wal/memory.ts";
import { describeDamage } from "./damage-contract.ts";
import { describeJournal } from "./journal-contract.ts";
import { describeLogStream, type StoreUnderTest } from "./log-stream-contract.ts";

async function makeStore(): Promise<StoreUnderTest> {
  const store = new MemoryStore("memory:{g1s0}");
  return {
    open: () => store.open(),
    rewrite: async (change) => {
      const entries = change([...store.entries]);
      store.vanish();
      for (const { id, bytes } of entries) store.store(id, bytes, true);
    },
    destroy: async () => undefined,
  };
}

describeLogStream("memory", makeStore);
describeJournal("memory", makeStore);
describeDamage("memory", makeStore);
