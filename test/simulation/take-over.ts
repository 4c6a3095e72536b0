/** Puts a simulated world where the code under test finds time and chance, and where its ledgers can be seen. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { type Moment, watchMoments } from "./moments.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The secret of a key table that is given none. */
const SEED_BYTES = new Uint8Array(Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344).buffer);

type Handlers = Readonly<{
  /** A shard begins to serve with this ledger, which it keeps to itself. */
  onLedger: (ledger: Ledger) => void;
  /** The code that runs has reached a named moment. */
  onMoment: (moment: Moment) => void;
  onUnhandled: (error: unknown) => void;
}>;

/** @returns what undoes it */
export function takeOver(clock: VirtualClock, { onLedger, onMoment, onUnhandled }: Handlers): () => void {
  const facts = Reflect.get(Ledger.prototype, "facts");
  const { randomUUID } = crypto;
  let uuids = 0;
  // A shard tells its gateways all facts as it begins to serve.
  Ledger.prototype.facts = function (this: Ledger) {
    onLedger(this);
    return facts.call(this);
  };
  // Names of cuts have an order.
  crypto.randomUUID = () => {
    uuids += 1;
    return `0-0-0-0-${uuids}`;
  };
  syncBuiltinESMExports();
  // So that what knows keys by their hashes is the same wherever it comes from.
  const getRandomValues = Reflect.get(globalThis.crypto, "getRandomValues");
  globalThis.crypto.getRandomValues = (array) => {
    if (array?.byteLength === SEED_BYTES.length) (array as unknown as Uint8Array).set(SEED_BYTES);
    return array;
  };
  const unwatch = watchMoments(onMoment);
  clock.install();
  process.on("unhandledRejection", onUnhandled);
  return () => {
    process.off("unhandledRejection", onUnhandled);
    VirtualClock.uninstall();
    crypto.randomUUID = randomUUID;
    globalThis.crypto.getRandomValues = getRandomValues;
    syncBuiltinESMExports();
    Ledger.prototype.facts = facts;
    unwatch();
  };
}
