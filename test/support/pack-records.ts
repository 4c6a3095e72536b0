import { BodyWriter, CommandWriter } from "../../src/actors/records/codec.ts";
import type { LogRecord } from "../../src/actors/records/command.ts";

/** The body of a batch with these records, as a shard writes it. */
export function packRecords(records: readonly LogRecord[]): Uint8Array<ArrayBuffer> {
  const commands = new CommandWriter();
  const body = new BodyWriter();
  for (const { command, outcome } of records) {
    commands.add(command);
    const packed = commands.take();
    body.add(packed, 0, packed.length, command, outcome);
  }
  return body.take();
}
