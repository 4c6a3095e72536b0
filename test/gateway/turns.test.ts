/** Work runs in limited slots, of which each partner has a share; work of callers that have gone is dropped. */
import { expect, test } from "vitest";
import { CallerGone } from "../../src/gateway/caller.ts";
import { Turns } from "../../src/gateway/turns.ts";

/** Starts named pieces of work, which the test ends explicitly. */
function works(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, partner: string, owner = "", isGone = () => false, cost = 1) =>
    turns
      .run(
        partner,
        owner,
        { isGone },
        async () => {
          begun.push(name);
          await new Promise<void>((resolve) => ends.set(name, resolve));
          return name;
        },
        cost,
      )
      .catch((error: unknown) => error);
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, run, end };
}

test("a partner runs as much as its share, the rest follows in order, and work of callers that have gone is dropped", async () => {
  const { begun, run, end } = works(new Turns({ slots: 32, share: 8 }));
  const gone = new Set<number>();
  const all = Array.from({ length: 20 }, (_, i) => run(`${i}`, "p", "", () => gone.has(i)));
  expect(begun).toHaveLength(8);
  gone.add(8).add(10);
  await end("0");
  expect(begun.at(-1)).toBe("9");
  for (let i = 1; i < 20; i++) await end(`${i}`);
  const results = await Promise.all(all);
  expect(results.filter((result) => result instanceof CallerGone)).toHaveLength(2);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`).filter((i) => i !== "8" && i !== "10"));
});

test("work that fails frees its slot", async () => {
  const turns = new Turns({ slots: 8, share: 8 });
  const failing = Array.from({ length: 30 }, () =>
    turns.run("p", "", undefined, async () => Promise.reject(new Error("no"))),
  );
  expect((await Promise.allSettled(failing)).every(({ status }) => status === "rejected")).toBe(true);
  expect(await turns.run("p", "", undefined, async () => "done")).toBe("done");
});

test("a greedy partner leaves slots for others, and waiting partners get them in turn", async () => {
  const { begun, run, end } = works(new Turns({ slots: 4, share: 3 }));
  for (let i = 0; i < 10; i++) void run(`greedy${i}`, "greedy");
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

test("one owner gets half of a share, and leaves slots to the other owners of its partner", async () => {
  const { begun, run, end } = works(new Turns({ slots: 8, share: 4 }));
  for (let i = 0; i < 6; i++) void run(`ann${i}`, "platform", "wallet:ann");
  expect(begun).toEqual(["ann0", "ann1"]);
  void run("bob0", "platform", "wallet:bob");
  void run("eve0", "platform", "wallet:eve");
  void run("bob1", "platform", "wallet:bob");
  expect(begun.slice(2)).toEqual(["bob0", "eve0"]);
  await end("ann0");
  await end("ann1");
  expect(begun.slice(4).toSorted()).toEqual(["ann2", "bob1"]);
});

test("only the partner with too many waiting requests is refused", async () => {
  const { begun, run, end } = works(new Turns({ slots: 2, share: 1 }));
  const refused: unknown[] = [];
  for (let i = 0; i < 1_030; i++)
    void run(`greedy${i}`, "greedy").then((result) => result instanceof Error && refused.push(result));
  await end("none");
  expect(refused).toHaveLength(5);
  expect(refused[0]).toMatchObject({ code: "overloaded" });
  void run("other", "other");
  expect(begun.at(-1)).toBe("other");
});

test("small work takes a part of a slot, and all that fits begins when large work ends", async () => {
  const { begun, run, end } = works(new Turns({ slots: 4, share: 1 }));
  const small = (name: string) => run(name, "p", "", undefined, 1 / 4);
  for (let i = 0; i < 3; i++) void small(`small${i}`);
  void run("large", "p");
  for (let i = 3; i < 6; i++) void small(`small${i}`);
  expect(begun).toEqual(["small0", "small1", "small2", "large"]);
  for (let i = 0; i < 3; i++) await end(`small${i}`);
  expect(begun).toHaveLength(4);
  await end("large");
  expect(begun.slice(4)).toEqual(["small3", "small4", "small5"]);
});
