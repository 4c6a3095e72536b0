import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { inTransaction } from "../src/sqlite-transaction.ts";

function open(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec(`
    PRAGMA foreign_keys = ON;
    CREATE TABLE owners (id INTEGER PRIMARY KEY);
    CREATE TABLE items (owner INTEGER REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
  `);
  return database;
}

const countOf = (database: DatabaseSync) => database.prepare("SELECT count(*) AS n FROM items").get()?.["n"];

test("what cannot be committed is rolled back, and the next transaction begins", () => {
  const database = open();
  // A deferred constraint is checked by COMMIT, which fails and leaves the transaction open.
  expect(() => inTransaction(database, () => database.exec("INSERT INTO items VALUES (7)"))).toThrow(
    "FOREIGN KEY",
  );
  expect(database.isTransaction).toBe(false);
  inTransaction(database, () => database.exec("INSERT INTO owners VALUES (7); INSERT INTO items VALUES (7)"));
  expect(countOf(database)).toBe(1);
});

test("a transaction that the database has rolled back itself shows the first error", () => {
  const database = open();
  const work = () => {
    database.exec("INSERT INTO items VALUES (1)");
    database.exec("ROLLBACK");
    throw new Error("the disk is full");
  };
  expect(() => inTransaction(database, work)).toThrow("the disk is full");
  expect(countOf(database)).toBe(0);
});
