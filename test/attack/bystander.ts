/** Somebody else's partner, who goes on working while the server is attacked; and how much memory the server has taken. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Client } from "../support/server.ts";

const ACCOUNT = "bystander";
const EVERY_MS = 10;
/** A busy machine is given a hundred times what a quiet one needs: what these attacks once did took 25 s. */
const SLOWEST_MS = 5000;

/** Sends transfers, one after the other, until `during` has ended: all are done, and none takes long. */
export async function bystands(client: Client, during: () => Promise<void>): Promise<void> {
  await client.send("POST", "/v1/accounts", { id: ACCOUNT, asset: "PTS/0" });
  let isOver = false;
  const durations: number[] = [];
  const work = async () => {
    while (!isOver) {
      const startedMs = performance.now();
      const transfer = { debit_account: "@issuance", credit_account: ACCOUNT, amount: 1 };
      const answer = await client.send("POST", "/v1/transfers", transfer);
      expect(answer.status, answer.text).toBe(201);
      durations.push(performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };
  const over = during().finally(() => {
    isOver = true;
  });
  await Promise.all([over, work()]);
  durations.sort((a, b) => a - b);
  expect(durations.length).toBeGreaterThan(0);
  expect(durations.at(Math.floor(durations.length * 0.99))).toBeLessThan(SLOWEST_MS);
}

/** The most memory that a process has ever had, in MiB. Linux alone knows it. */
export function mostMemoryMib(pid: number): number {
  const [, kib = "0"] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
