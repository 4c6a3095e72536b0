import { expect, test } from "vitest";
import { checkWitness } from "../../src/wal/claim-checks.ts";
import { hashFrame } from "../../src/wal/frame.ts";
import { RetryWithDeadline, systemTimer } from "../../src/wal/retry-with-deadline.ts";
import { LogError, type LogStream } from "../../src/wal/wal.ts";

const BYTES = Buffer.from("a batch");
const WITNESS = { id: { epoch: 4, seq: 3 }, hash: hashFrame(BYTES) };

type Asked = Pick<LogStream, "name" | "find" | "read" | "confirm">;

function check(stream: Asked): Promise<void> {
  return checkWitness(stream as LogStream, new RetryWithDeadline("log", 1_000, systemTimer), WITNESS, false);
}

test("a batch is lost only if a primary that can confirm its answers lacks it", async () => {
  let isReplaced = true;
  const asked: string[] = [];
  const replicated: Asked = {
    name: "log",
    find: async () => {
      asked.push("find");
      return isReplaced ? undefined : BYTES;
    },
    read: async () => [],
    confirm: async () => {
      asked.push("confirm");
      if (!isReplaced) return undefined;
      // The next attempt finds the present primary.
      isReplaced = false;
      throw new LogError("log_unavailable", "0 of 1 replicas have confirmed the last write");
    },
  };
  await check(replicated);
  expect(asked).toEqual(["find", "confirm", "confirm", "find"]);
  const lost = { ...replicated, find: async () => undefined };
  await expect(check(lost)).rejects.toMatchObject({ code: "log_lost_data" });
  const { name, find, read } = lost;
  await expect(check({ name, find, read })).rejects.toMatchObject({ code: "log_lost_data" });
});
