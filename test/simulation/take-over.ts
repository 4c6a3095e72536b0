/** Replaces time and randomness of the code under test by simulated ones, and observes its ledgers. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { type Moment, watchMoments } from "./moments.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The secret of key tables that draw one from `crypto`. */
const SEED_BYTES = new Uint8Array(Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344).buffer);

type Handlers = Readonly<{
  /** A shard starts to serve with this private ledger. */
  onLedger: (ledger: Ledger) => void;
  /** The running code has reached a named moment. */
  onMoment: (moment: Moment) => void;
  onUnhandled: (error: unknown) => void;
}>;

/** @returns a function that restores everything */
export function takeOver(clock: VirtualClock, { onLedger, onMoment, onUnhandled }: Handlers): () => void {
  const facts = Reflect.get(Ledger.prototype, "facts");
  const { randomUUID } = crypto;
  let uuids = 0;
  // A shard sends all facts to its gateways when it starts to serve, so this call reveals its ledger.
  Ledger.prototype.facts = function (this: Ledger) {
    onLedger(this);
    return facts.call(this);
  };
  // Sequential names make runs reproducible.
  crypto.randomUUID = () => {
    uuids += 1;
    return `0-0-0-0-${uuids}`;
  };
  syncBuiltinESMExports();
  // A fixed secret gives live, replayed and restored key tables the same hashes.
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
