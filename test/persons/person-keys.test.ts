import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PersonKeys } from "../../src/persons/person-keys.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";

const ANN = { email: "ann@example.com", name: "Ann" };
let folder: string;
let path: string;

beforeEach(() => {
  folder = makeScratchFolder("persons");
  path = join(folder, "persons.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The id of the key that the text is encrypted with. */
function keyOf(sealed: string): string {
  return sealed.slice(0, sealed.indexOf(":"));
}

/** Those of the texts that some file in the folder contains. */
function storedOf(all: readonly Uint8Array[]): readonly Uint8Array[] {
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)));
  return all.filter((bytes) => files.some((file) => file.includes(bytes)));
}

test("personal data is read back with its key, by another process as well", async () => {
  const keys = new PersonKeys(path);
  const sealed = await keys.seal("acme", ANN);
  expect(sealed).not.toContain("Ann");
  expect(keys.open(sealed)).toEqual(ANN);
  expect(new PersonKeys(path).open(sealed)).toEqual(ANN);
});

test("a pseudonym is the same for one e-mail of one partner, and differs between partners and stores", () => {
  const keys = new PersonKeys(path);
  const pseudonym = keys.pseudonymOf("acme", ANN.email);
  expect(pseudonym).toMatch(/^~[\w-]{22}$/);
  expect(new PersonKeys(path).pseudonymOf("acme", ANN.email)).toBe(pseudonym);
  expect(keys.pseudonymOf("other", ANN.email)).not.toBe(pseudonym);
  expect(new PersonKeys(":memory:").pseudonymOf("acme", ANN.email)).not.toBe(pseudonym);
});

test("everything about one person is encrypted with one key, and nothing of another person", async () => {
  const keys = new PersonKeys(path);
  const [first, again, other] = await Promise.all([
    keys.seal("acme", ANN),
    keys.seal("acme", { ...ANN, name: null }),
    keys.seal("other", ANN),
  ]);
  expect(keyOf(again)).toBe(keyOf(first));
  expect(again).not.toBe(first);
  expect(keyOf(other)).not.toBe(keyOf(first));
});

test("an erased key opens nothing, and the person gets a new one", async () => {
  const keys = new PersonKeys(path);
  const sealed = await keys.seal("acme", ANN);
  const other = await keys.seal("other", ANN);
  keys.erase([keyOf(sealed)]);
  expect(keys.open(sealed)).toBeUndefined();
  expect(keys.open(other)).toEqual(ANN);
  const anew = await keys.seal("acme", ANN);
  expect(keyOf(anew)).not.toBe(keyOf(sealed));
  expect(keys.open(sealed)).toBeUndefined();
  expect(keys.open(anew)).toEqual(ANN);
});

/** Every seventh key is erased. */
const isErased = (_: unknown, i: number): boolean => i % 7 === 0;

test("no file contains an erased key, among many that are kept", async () => {
  const keys = new PersonKeys(path);
  const persons = Array.from({ length: 2_000 }, (_, i) => ({ email: `${i}@example.com`, name: null }));
  const sealed = await Promise.all(persons.map((person) => keys.seal("acme", person)));
  const rows = new DatabaseSync(path, { readOnly: true })
    .prepare("SELECT key FROM persons ORDER BY id")
    .all();
  const stored = rows.map(({ key }) => key as Uint8Array);
  expect(storedOf(stored)).toHaveLength(persons.length);
  keys.erase(sealed.filter(isErased).map(keyOf));
  expect(storedOf(stored)).toEqual(stored.filter((_, i) => !isErased(_, i)));
  const reader = new PersonKeys(path);
  expect(sealed.map((text) => reader.open(text) === undefined)).toEqual(sealed.map(isErased));
});

test("erasing again, and keys of another store, change nothing", async () => {
  const keys = new PersonKeys(path);
  const sealed = await keys.seal("acme", ANN);
  keys.erase(["00000000-1"]);
  expect(keys.open(sealed)).toEqual(ANN);
  keys.erase([keyOf(sealed), keyOf(sealed)]);
  keys.erase([keyOf(sealed)]);
  expect(keys.open(sealed)).toBeUndefined();
});

test("what was changed or belongs to another person does not open", async () => {
  const keys = new PersonKeys(path);
  const sealed = await keys.seal("acme", ANN);
  const other = await keys.seal("other", ANN);
  const swapped = `${keyOf(other)}:${sealed.slice(keyOf(sealed).length + 1)}`;
  expect(() => keys.open(swapped)).toThrow("authenticate");
  expect(keys.open("ann@example.com")).toBeUndefined();
  expect(new PersonKeys(":memory:").open(sealed)).toBeUndefined();
});

test("a store that is missing or older than the log is noticed", async () => {
  const keys = new PersonKeys(path);
  await keys.seal("acme", ANN);
  const copy = join(folder, "copy.sqlite");
  keys.close();
  copyFileSync(path, copy);
  const later = new PersonKeys(path);
  const [store = "", number] = keyOf(
    await later.seal("acme", { email: "bob@example.com", name: null }),
  ).split("-");
  const needed = { store, upTo: Number(number) };
  expect(later.faultOf(needed)).toBeUndefined();
  expect(new PersonKeys(copy).faultOf(needed)).toContain("is older than the log");
  expect(new PersonKeys(":memory:").faultOf(needed)).toContain("is not the one of this log");
});

test("a loss that was accepted is not missed again, and no number of a lost key is used again", async () => {
  const needed = { store: keyOf(await new PersonKeys(":memory:").seal("acme", ANN)).slice(0, 8), upTo: 7 };
  const keys = new PersonKeys(path);
  expect(keys.noteAcceptedLoss(needed)).toBe(false);
  keys.acceptLoss();
  const started = new PersonKeys(path);
  expect(started.noteAcceptedLoss(needed)).toBe(true);
  const own = keyOf(await started.seal("acme", ANN)).slice(0, 8);
  expect(started.noteAcceptedLoss({ store: own, upTo: 40 })).toBe(true);
  started.acceptLoss(false);
  expect(started.faultOf(needed)).toBeUndefined();
  expect(started.faultOf({ ...needed, upTo: 8 })).toBeDefined();
  expect(started.faultOf({ store: own, upTo: 40 })).toBeUndefined();
  expect(keyOf(await started.seal("acme", { ...ANN, email: "bob@example.com" }))).toBe(`${own}-41`);
  expect(started.noteAcceptedLoss({ ...needed, upTo: 8 })).toBe(false);
});
