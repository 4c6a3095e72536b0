/** Copies of a ledger, rebuilt by replay of its log and from its image. */
import { expect } from "vitest";
import { ImageReader, imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { Random } from "../../../src/actors/programmes/programme.ts";
import { BodyWriter, CommandWriter, readCommands, readRecords } from "../../../src/actors/records/codec.ts";
import type { TimedRecord } from "./ledger-run.ts";

/** A log of one batch, packed as in production. */
export class PackedLog {
  readonly #commands = new CommandWriter();
  readonly #body = new BodyWriter();
  readonly #timesMs: number[] = [];

  add({ command, outcome, timeMs }: TimedRecord): void {
    this.#timesMs.push(timeMs);
    this.#commands.add(command);
    const packed = this.#commands.take();
    readCommands(packed, (read, start, end) => {
      expect(read).toEqual(command);
      this.#body.add(packed, start, end, read, outcome);
    });
  }

  /** Replays the log. To be called once, at the end. */
  replayed(): Ledger {
    const ledger = new Ledger(0);
    let index = 0;
    readRecords(this.#body.take(), (command, outcome) => {
      ledger.apply(command, outcome, { epoch: 1, seq: 1, index, timeMs: this.#timesMs[index] ?? 0 }, 0);
      index += 1;
    });
    return ledger;
  }
}

export function restored(image: readonly Uint8Array[], random?: Random): Ledger {
  const ledger = new Ledger(0, 1, random);
  const reader = new ImageReader(ledger.state, { epoch: 0, seq: 0 });
  for (const block of image) reader.accept(block);
  return ledger;
}

/** A copy of the second of two shards, from its image. */
export function restoredShard({ state }: Ledger): Ledger {
  const ledger = new Ledger(1, 2);
  const reader = new ImageReader(ledger.state, { epoch: 0, seq: 0 });
  for (const block of imageOf(state)) reader.accept(block);
  return ledger;
}

/** Rebuilds a ledger from its image and from its log, and checks I9: both have the same state. */
export function copiesOf(ledger: Ledger, log: PackedLog): readonly Ledger[] {
  const copies = [restored([...imageOf(ledger.state)]), log.replayed()];
  for (const copy of copies) expect([...copy.stateLines(0)]).toEqual([...ledger.stateLines(0)]);
  return copies;
}
