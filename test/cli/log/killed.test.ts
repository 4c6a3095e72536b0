/**
 * `daybook log accept-loss` and `daybook log repair` are killed before each of their writes, and run again. Without
 * `EVERY_WRITE=1` before one in four, on each store before others.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { refusedStart, testFolder } from "../../support/server.ts";
import { daybook } from "../cli.ts";
import { type ServedLog, SHARDS, STORES } from "../served-log.ts";
import { checkBooksOf, clientOf } from "./books.ts";
import { startOn, stateOf } from "./log-state.ts";
import { archiveLoses, forget, loseTail } from "./lost-end.ts";
import { SavedLog } from "./saved-log.ts";
import { writtenAndTrimmed } from "./trimmed-log.ts";

const PRELOAD = `--import=${pathToFileURL(join(import.meta.dirname, "kill-at-write.ts")).href}`;
const ACCEPT = ["log", "accept-loss", "--yes"];
const REPAIR = ["log", "repair"];
const LOST = 8;
const STEP = process.env["EVERY_WRITE"] === undefined ? 4 : 1;

type Command = readonly string[];
/** What a server would have found when the command was killed before this write, from 1. */
type Found = Readonly<{ write: number; start: string }>;

const isClaim = (write: string) => /^(INSERT INTO entry|xadd)/.test(write);
const isDelete = (write: string) => /^(DELETE FROM entry|xdel .*:wal [1-9])/.test(write);

/** The writes of a command that nobody kills. */
async function writesOf(command: Command, env: ServedLog["env"]): Promise<readonly string[]> {
  const file = join(testFolder(), "writes");
  const done = await daybook(command, { ...env, NODE_OPTIONS: PRELOAD, WRITES: file });
  expect(done, done.stdout).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(readFileSync(file, "utf8")) as string[];
}

async function kill(command: Command, env: ServedLog["env"], at: number): Promise<void> {
  const { code } = await daybook(command, { ...env, NODE_OPTIONS: PRELOAD, KILL_AT: String(at) });
  expect(code, "killed by a signal").toBeNull();
}

/** Kills the command before its writes, and runs it again: that must give the same as one run. */
async function killEverywhere(log: ServedLog, saved: SavedLog, command: Command) {
  const writes = await writesOf(command, log.env);
  const after = await stateOf(log);
  const found: Found[] = [];
  for (const [no, write] of writes.entries()) {
    if (no % STEP !== (log.redis === undefined ? 0 : 1) % STEP) continue;
    await saved.restore();
    await kill(command, log.env, no + 1);
    found.push({ write: no + 1, start: await startOn(log) });
    // An operator may think again. This brings back nothing that was deleted.
    if (found.length % 2 === 1) await daybook(REPAIR, log.env);
    expect(await daybook(command, log.env), `before ${write}`).toMatchObject({ code: 0, stderr: "" });
    expect(await stateOf(log), `before ${write}`).toEqual(after);
  }
  return { writes, found };
}

/** @param said the last line of the server. */
async function expectRefused({ env }: ServedLog, said: RegExp): Promise<void> {
  const { code, lines } = await refusedStart({ ...env, SHARDS: String(SHARDS) });
  expect({ code, line: lines.at(-1) }).toEqual({ code: 1, line: expect.stringMatching(said) });
}

async function expectServed(log: ServedLog): Promise<void> {
  const server = await log.serveAgain();
  await checkBooksOf(server, clientOf(log, server));
  server.signal("SIGTERM");
  await server.exited;
}

describe.each(STORES)("on %s", (store) => {
  test("accept-loss: another run finishes it, and no server starts before", async () => {
    const log = await writtenAndTrimmed(store);
    archiveLoses(log, 0, LOST);
    await loseTail(log, 0, LOST);
    const saved = await SavedLog.save(log);
    const { snapshots } = await stateOf(log);
    const { writes, found } = await killEverywhere(log, saved, ACCEPT);
    for (const { start } of found) expect(start).toBe("refused");
    // A former owner that still lives must not write behind what is deleted.
    expect(writes.findLastIndex(isClaim)).toBeLessThan(writes.findIndex(isDelete));
    const after = await stateOf(log);
    // The other log was cut as well. Both had a snapshot above their new end.
    expect(after.notes.map(({ shard }) => shard)).toEqual([0, 1]);
    expect(after.snapshots).toEqual(snapshots.map(([, older]) => [older]));
    await expectServed(log);
    await saved.restore();
    await kill(ACCEPT, log.env, writes.length);
    await expectRefused(log, /has lost data: it held/);
  });

  test("accept-loss of what only the other log knows: no server serves before that is cut", async () => {
    const log = await writtenAndTrimmed(store);
    archiveLoses(log, 0, LOST);
    await loseTail(log, 0, LOST);
    await forget(log, 0);
    const saved = await SavedLog.save(log);
    const { found } = await killEverywhere(log, saved, ACCEPT);
    const before = found.findLast(({ start }) => start === "inconsistent")?.write ?? 0;
    expect(before).toBeGreaterThan(0);
    for (const { write, start } of found) expect(start).toBe(write <= before ? "inconsistent" : "refused");
    expect(found.at(-1)?.start).toBe("refused");
    await expectServed(log);
    await saved.restore();
    await kill(ACCEPT, log.env, before);
    await expectRefused(log, /the log of shard 0 has lost its end/);
  });

  test("an accept-loss that was killed has confirmed nothing more than it printed", async () => {
    const log = await writtenAndTrimmed(store);
    const whole = await stateOf(log);
    await loseTail(log, 0, LOST);
    const saved = await SavedLog.save(log);
    const writes = await writesOf([...ACCEPT, "--discard-archived"], log.env);
    const claim = writes.findIndex(isClaim);
    await saved.restore();
    await kill([...ACCEPT, "--discard-archived"], log.env, claim + 1);
    expect((await stateOf(log)).notes).toHaveLength(SHARDS);
    const again = await daybook(ACCEPT, log.env);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run `daybook log repair` first"),
    });
    expect(await daybook(REPAIR, log.env)).toMatchObject({ code: 0, stderr: "" });
    // The loss that was noted has not come about.
    expect(await stateOf(log)).toEqual(whole);
  });

  test("repair: another run finishes it, and no server starts before", async () => {
    const log = await writtenAndTrimmed(store);
    const whole = await stateOf(log);
    for (let shard = 0; shard < SHARDS; shard++) await loseTail(log, shard, LOST - shard);
    const saved = await SavedLog.save(log);
    const { writes, found } = await killEverywhere(log, saved, REPAIR);
    expect(writes).toHaveLength(2 * LOST - 1);
    for (const { start } of found) expect(start).toBe("refused");
    expect(await stateOf(log)).toEqual(whole);
    await expectServed(log);
  });
});
