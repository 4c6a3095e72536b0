/** Pages are made in turn, each partner has its share of the places, and only who is there has one made. */
import { expect, test } from "vitest";
import { CallerGone } from "../../src/gateway/caller.ts";
import { Turns } from "../../src/gateway/turns.ts";

/** Work that is begun, by its name, and ended by hand. */
function works(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, partner: string, owner = "", isGone = () => false) =>
    turns
      .run(partner, owner, { isGone }, async () => {
        begun.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        return name;
      })
      .catch((error: unknown) => error);
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, run, end };
}

test("as many as its share are in hand at once, the others follow in order, and who is gone has his turn left off", async () => {
  const { begun, run, end } = works(new Turns({ slots: 32, share: 8 }));
  const gone = new Set<number>();
  const all = Array.from({ length: 20 }, (_, no) => run(`${no}`, "p", "", () => gone.has(no)));
  expect(begun).toHaveLength(8);
  gone.add(8).add(10);
  await end("0");
  expect(begun.at(-1)).toBe("9");
  for (let no = 1; no < 20; no++) await end(`${no}`);
  const results = await Promise.all(all);
  expect(results.filter((result) => result instanceof CallerGone)).toHaveLength(2);
  expect(begun).toEqual(
    Array.from({ length: 20 }, (_, no) => `${no}`).filter((no) => no !== "8" && no !== "10"),
  );
});

test("work that fails hands its turn over, too", async () => {
  const turns = new Turns({ slots: 8, share: 8 });
  const failing = Array.from({ length: 30 }, () =>
    turns.run("p", "", undefined, async () => Promise.reject(new Error("no"))),
  );
  expect((await Promise.allSettled(failing)).every(({ status }) => status === "rejected")).toBe(true);
  expect(await turns.run("p", "", undefined, async () => "done")).toBe("done");
});

test("a partner that wants very much leaves places for others, and those that wait have them in turn", async () => {
  const { begun, run, end } = works(new Turns({ slots: 4, share: 3 }));
  for (let no = 0; no < 10; no++) void run(`greedy${no}`, "greedy");
  expect(begun).toEqual(["greedy0", "greedy1", "greedy2"]);
  void run("other0", "other");
  expect(begun.at(-1)).toBe("other0");
  void run("other1", "other");
  void run("third0", "third");
  expect(begun).toHaveLength(4);
  await end("greedy0");
  await end("greedy1");
  await end("greedy2");
  expect(begun.slice(4)).toEqual(["greedy3", "other1", "third0"]);
});

test("one owner has half of a share, and leaves places to the others of its partner", async () => {
  const { begun, run, end } = works(new Turns({ slots: 8, share: 4 }));
  for (let no = 0; no < 6; no++) void run(`ann${no}`, "house", "wallet:ann");
  expect(begun).toEqual(["ann0", "ann1"]);
  void run("bob0", "house", "wallet:bob");
  void run("eve0", "house", "wallet:eve");
  void run("bob1", "house", "wallet:bob");
  expect(begun.slice(2)).toEqual(["bob0", "eve0"]);
  await end("ann0");
  await end("ann1");
  expect(begun.slice(4).toSorted()).toEqual(["ann2", "bob1"]);
});

test("too many of one partner's are refused, and nobody else's", async () => {
  const { begun, run, end } = works(new Turns({ slots: 2, share: 1 }));
  const refused: unknown[] = [];
  for (let no = 0; no < 1_030; no++)
    void run(`greedy${no}`, "greedy").then((result) => result instanceof Error && refused.push(result));
  await end("none");
  expect(refused).toHaveLength(5);
  expect(refused[0]).toMatchObject({ code: "overloaded" });
  void run("other", "other");
  expect(begun.at(-1)).toBe("other");
});
