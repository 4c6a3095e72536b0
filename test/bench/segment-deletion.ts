/** Measures the deletion of a segment with very many users, and its effect on other requests. */

import { setTimeout as delay } from "node:timers/promises";
import type { BenchContext } from "./bench-context.ts";
import { type Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { openLoop, serveSingles, WARM_UP_SECONDS } from "./open-loop.ts";

const HOLDERS = 200_000;
const HOLDERS_AT_ONCE = 10_000;
const SEGMENTS = "/v1/segments";
/** Transfers per second at the same time: few, so that the server has spare capacity. */
const OFFERED = 1_000;
const SECONDS = 3;

export async function measureSegmentDeletion(bench: BenchContext): Promise<void> {
  if (!bench.wants("segment-deletion")) return;
  const { accounts, runs } = bench.options;
  const { folder, daybook, target } = await serveSingles(bench);
  const offer = async () => (await openLoop(folder, target, OFFERED, SECONDS)).latency.p99;
  const deletions: number[] = [];
  const reads: number[] = [];
  const alone: number[] = [];
  const beside: number[] = [];
  for (let i = 0; i < runs; i++) {
    const slug = `GONE_${i}`;
    await daybook.partner("POST", SEGMENTS, { slug });
    for (let first = 0; first < HOLDERS; first += HOLDERS_AT_ONCE) {
      const ids = Array.from({ length: HOLDERS_AT_ONCE }, (_, user) => `user${first + user}`);
      await daybook.partner("POST", `${SEGMENTS}/${slug}/users`, { ids });
    }
    await daybook.settle();
    alone.push(await offer());
    const besides = offer();
    await delay((WARM_UP_SECONDS + 1) * 1000);
    deletions.push(await timed(() => daybook.partner("DELETE", `${SEGMENTS}/${slug}`)));
    reads.push(await timed(() => mustBeGone(daybook, slug)));
    beside.push(await besides);
  }
  const settings = { backend: "redis", holders: HOLDERS, offered: OFFERED, accounts, ...SERVER_SETTINGS };
  const emit = (name: string, unit: string, values: number[]) =>
    bench.emit({ name: `segment-deletion.${name}`, unit, settings, runs: values });
  emit("answered", "ms", deletions);
  emit("next-read", "ms", reads);
  emit("p99.alone", "ms since it was due", alone);
  emit("p99.beside", "ms since it was due", beside);
  const ratios = beside.map((ms, i) => ms / (alone[i] ?? Number.NaN));
  emit("p99.ratio", "beside a deletion ÷ without", ratios);
  await daybook.stop();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function mustBeGone(daybook: Daybook, slug: string): Promise<void> {
  const { status } = await daybook.client.send("GET", `${SEGMENTS}/${slug}`);
  if (status !== 404) throw new Error(`a segment that was deleted is there: ${status}`);
  const path = "/v1/users/user0/segments";
  const held = await daybook.partner<{ segments: unknown[] }>("GET", path);
  if (held.segments.length > 0) throw new Error("a user holds what was deleted");
}
