/** Queries run round robin by partner and owner. */
import { expect, test } from "vitest";
import { QueryTurns } from "../../src/archive/queries/query-turns.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("the first query runs at once, further ones one by one, round robin by partner", async () => {
  const turns = new QueryTurns();
  const run: string[] = [];
  for (const name of ["a0", "a1", "a2", "b0", "c0", "b1"])
    turns.run(name.charAt(0), "", () => void run.push(name));
  expect([run, turns.size]).toEqual([["a0"], 5]);
  await turn();
  turns.run("d", "", () => void run.push("d0"));
  while (turns.size > 0) await turn();
  expect(run).toEqual(["a0", "a1", "b0", "c0", "a2", "d0", "b1"]);
});

test("owners of one partner take turns", async () => {
  const turns = new QueryTurns();
  const run: string[] = [];
  for (const name of ["a0", "a1", "a2", "a3", "b0", "c0", "b1"])
    turns.run("platform", name.charAt(0), () => void run.push(name));
  while (turns.size > 0) await turn();
  expect(run).toEqual(["a0", "a1", "b0", "c0", "a2", "b1", "a3"]);
});

test("closing drops waiting queries", async () => {
  const turns = new QueryTurns();
  const run: string[] = [];
  for (const name of ["a0", "a1"]) turns.run("a", "", () => void run.push(name));
  turns.close();
  await turn();
  await turn();
  expect([run, turns.size]).toEqual([["a0"], 0]);
});
