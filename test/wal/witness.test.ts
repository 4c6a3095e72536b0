import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Witness } from "../../src/wal/wal.ts";
import { readWitness, WitnessKeeper, witnessPath } from "../../src/wal/witness.ts";

const STREAM = { generation: 1, shard: 0 };
const witness = (seq: number): Witness => ({ id: { epoch: 3, seq }, hash: Buffer.alloc(32, seq) });

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "daybook-witness-"));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test("reads back the newest noted witness, and leaves no other file", async () => {
  expect(readWitness(dir, STREAM)).toBeUndefined();
  const keeper = new WitnessKeeper(dir, STREAM);
  keeper.note(witness(1));
  keeper.note(witness(2));
  await Promise.all([keeper.flush(), keeper.flush()]);
  expect(readWitness(dir, STREAM)).toEqual(witness(2));
  expect(readWitness(dir, { generation: 1, shard: 1 })).toBeUndefined();
  expect(readdirSync(dir)).toEqual(["witness-g1s0.json"]);
});

test("writes within its interval, and never an older witness", async () => {
  const keeper = new WitnessKeeper(dir, STREAM, 1);
  keeper.note(witness(5));
  await expect.poll(() => readWitness(dir, STREAM)?.id.seq).toBe(5);
  keeper.note(witness(4));
  await keeper.flush();
  expect(readWitness(dir, STREAM)?.id.seq).toBe(5);
});

test("a failed write throws nothing and is made up for by the next one", async () => {
  const keeper = new WitnessKeeper(join(dir, "sub"), STREAM);
  rmSync(join(dir, "sub"), { recursive: true });
  writeFileSync(join(dir, "sub"), "in the way");
  keeper.note(witness(1));
  await keeper.flush();
  expect(keeper.failure).toBeInstanceOf(Error);
  rmSync(join(dir, "sub"));
  await keeper.flush();
  expect(keeper.failure).toBeUndefined();
  expect(readWitness(join(dir, "sub"), STREAM)).toEqual(witness(1));
});

test.each([
  "",
  "{",
  "null",
  '{"id":"3-1"}',
  '{"id":"3-x","hash":"00"}',
  `{"id":"3-1","hash":"${"0".repeat(62)}"}`,
  `{"id":3,"hash":"${"0".repeat(64)}"}`,
])("a damaged file is not ignored: %s", (content) => {
  const file = witnessPath(dir, STREAM);
  writeFileSync(file, content);
  expect(() => readWitness(dir, STREAM)).toThrow(expect.objectContaining({ code: "log_corrupt" }));
  expect(() => readWitness(dir, STREAM)).toThrow(new RegExp(`^${file} is damaged: [^\n]*$`));
});
