import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FairSlots } from "../../../../src/http/programmes/wallet/fair-slots.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** All that can happen now has happened. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Work that ends when the test says so; `begun` are the names of what has begun, in order. */
function desk(waitingMax = 6): {
  begun: string[];
  refused: string[];
  ask: (name: string) => void;
  end: (name: string) => Promise<void>;
} {
  const slots = new FairSlots({ slots: 3, waitingMax, waitMsMax: 1000 });
  const begun: string[] = [];
  const refused: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (name: string) => {
    const work = () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    };
    // The owner is the letter.
    slots.run(name.slice(0, 1), work).catch(() => refused.push(name));
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    await settle();
  };
  return { begun, refused, ask, end };
}

test("one owner never holds all slots, and others have their turns between", async () => {
  const { begun, ask, end } = desk();
  for (const name of ["a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1"]) ask(name);
  await settle();
  expect(begun).toEqual(["a1", "a2", "b1"]);
  await end("b1");
  expect(begun.at(-1)).toBe("b2");
  await end("a1");
  expect(begun.at(-1)).toBe("a3");
  await end("a2");
  expect(begun.at(-1)).toBe("c1");
  await end("a3");
  expect(begun.at(-1)).toBe("a4");
  await end("b2");
  expect(begun.at(-1)).toBe("a5");
});

test("where too many wait, the newest of whoever has most is refused for who has fewer", async () => {
  const { refused, ask } = desk(4);
  for (let i = 1; i <= 9; i++) ask(`a${i}`);
  await settle();
  expect(refused).toEqual(["a7", "a8", "a9"]);
  for (const name of ["b1", "b2", "b3"]) ask(name);
  await settle();
  expect(refused.slice(3)).toEqual(["a6", "a5"]);
});

test("a wait has an end, after which the slots go on", async () => {
  const { begun, refused, ask, end } = desk();
  for (const name of ["a1", "a2", "a3"]) ask(name);
  await vi.advanceTimersByTimeAsync(1000);
  expect(refused).toEqual(["a3"]);
  ask("a4");
  await end("a1");
  await settle();
  expect(begun).toEqual(["a1", "a2", "a4"]);
});
