/** Realistic bugs, each a patch that is planted into a copy of the source. The simulation must find each of them. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { runSimulation } from "./run-simulation.ts";

export const PATCHES = resolve("test/simulation/planted");
/** Most bugs are found within a few seeds; the effect of a seed changes with the source. */
const SEEDS_MAX = 300;
/** Searches at once, as many as the smallest machine has cores. */
const AT_ONCE = 2;

export type PlantedBug = readonly [name: string, seed: number, oracles: readonly string[]];

/** Each patch with a seed close before one that finds it, and the oracles that may find it. */
export const PLANTED: readonly PlantedBug[] = [
  ["01-read-not-gated", 2, ["I6 reads are in the history", "reads are not stale"]],
  ["02-key-in-flight-not-looked-up", 2, ["I11 one key, one outcome"]],
  ["03-floor-ignores-held", 2, ["I2 floors and ceilings"]],
  ["04-message-before-durable", 2, ["no false alarm", "I8 messages arrive once"]],
  ["05-message-taken-twice", 2, ["cuts add up", "I8 messages arrive once", "I11 one key, one outcome"]],
  ["06-gap-in-messages", 2, ["nothing throws", "nothing gets stuck", "I8 messages arrive once"]],
  ["07-announced-credits-take-no-room", 9, ["I2 floors and ceilings"]],
  ["08-void-keeps-reservations", 13, ["I3 holds add up"]],
  [
    "09-fencing-swallowed",
    17,
    ["I5 acknowledged is logged once", "I11 one key, one outcome", "no false alarm", "nothing throws"],
  ],
  ["10-lost-append-taken-as-done", 2, ["no false alarm", "I7 the chain holds"]],
  ["11-logged-time-goes-back", 21, ["time does not go back", "what is over is ended"]],
  ["12-read-before-expiry", 10, ["what is over is ended"]],
  ["13-revert-mark-lost-in-replay", 5, ["I9 replay is the live state", "I10 resolved once"]],
  ["14-unsettled-batch-answered", 49, ["no false alarm", "I5 acknowledged is logged once"]],
  ["15-due-seen-before-its-end", 4, ["what is over is ended"]],
  ["16-pins-end-with-session", 930, ["I2 floors and ceilings"]],
  ["17-owed-credits-ignored", 405, ["I2 floors and ceilings"]],
  ["18-no-lease-wait", 26, ["reads are not stale", "revoked keys are refused"]],
  ["19-lease-word-never-too-old", 115, ["reads are not stale", "revoked keys are refused"]],
  ["20-forgotten-during-cut", 448, ["cuts add up"]],
  ["21-reservation-not-counted", 19, ["limits hold"]],
  ["22-repeat-does-not-wait", 130, ["reads are not stale"]],
  ["23-known-fact-answered-at-once", 171, ["revoked keys are refused"]],
  ["24-post-after-end", 615, ["what is over is ended"]],
  ["25-reservation-of-lost-attempt-kept", 12, ["I3 holds add up", "nothing gets stuck"]],
  ["26-ceiling-lowered-despite-pins", 804, ["I2 floors and ceilings"]],
  ["27-revocation-not-confirmed", 50, ["revoked keys are refused"]],
  ["28-acknowledged-before-durable", 2, ["no false alarm", "I8 messages arrive once"]],
  [
    "40-refused-append-taken-as-done",
    210,
    ["no false alarm", "I5 acknowledged is logged once", "I11 one key, one outcome", "nothing throws"],
  ],
  ["41-settings-read-once", 187, ["weak settings are noticed"]],
  ["42-restart-of-redis-not-counted", 23, ["no false alarm", "I5 acknowledged is logged once"]],
  [
    "43-index-ahead-of-its-runs",
    297,
    ["statements add up", "reads are not stale", "I11 one key, one outcome"],
  ],
  ["44-request-decided-twice", 15, ["programmes add up"]],
  ["45-percentage-one-too-many", 5, ["programmes add up"]],
  ["46-bank-reference-used-twice", 6, ["programmes add up"]],
  ["47-total-crossed-by-each-report", 28, ["events are complete"]],
  ["48-prefix-monitors-lost-at-snapshot", 105, ["events are complete"]],
  ["53-trim-leaves-tombstones", 5, ["programmes add up"]],
  ["55-earlier-use-given-back-twice", 816, ["programmes add up"]],
  ["56-named-rollback-takes-another", 816, ["programmes add up"]],
  ["60-payer-ends-a-promised-hold", 46, ["programmes add up"]],
  ["61-part-taken-back-in-full", 16, ["programmes add up"]],
  ["62-reset-token-lives-on", 6, ["programmes add up"]],
  ["65-late-answer-recorded-twice", 40, ["programmes add up"]],
  ["66-later-points-lost-at-snapshot", 130, ["no false alarm", "programmes add up"]],
  ["70-acknowledged-before-wait", 1, ["no false alarm", "I5 acknowledged is logged once"]],
  ["71-wait-on-a-new-connection", 1_700, ["no false alarm", "I5 acknowledged is logged once"]],
  ["72-lease-renewed-by-a-read", 1_700, ["reads are not stale", "revoked keys are refused"]],
  ["73-found-counts-as-durable", 490, ["no false alarm", "I5 acknowledged is logged once"]],
  ["74-former-owner-does-not-ask", 78, ["I7 the chain holds", "reads are not stale", "no false alarm"]],
];

export type Hunt = Readonly<{ code: number | null; output: string; oracle: string | undefined }>;

/** A copy of the source, for one bug after the other. So most of its code is compiled only once. */
export class SourceCopy {
  readonly #root = makeScratchFolder("planted");

  /** Copies the source and everything else that the simulation needs. */
  constructor() {
    for (const folder of ["src", "test/simulation", "test/support", "test/actors", "test/workers"]) {
      mkdirSync(join(this.#root, folder), { recursive: true });
      cpSync(resolve(folder), join(this.#root, folder), { recursive: true });
    }
    cpSync(resolve("package.json"), join(this.#root, "package.json"));
    symlinkSync(resolve("node_modules"), join(this.#root, "node_modules"));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** Simulates the source with this bug, from its seed on, until an oracle is violated. */
  async hunt([name, seed]: PlantedBug): Promise<Hunt> {
    this.#apply(name);
    try {
      const { code, output } = await runSimulation(
        ["--seed", `${seed}`, "--seeds", `${SEEDS_MAX}`],
        this.#root,
      );
      return { code, output, oracle: /^VIOLATED ([^:]*):/m.exec(output)?.[1] };
    } finally {
      this.#apply(name, "--reverse");
    }
  }

  /** @throws Error if the patch does not apply. */
  #apply(name: string, ...options: readonly string[]): void {
    const { status, stderr } = spawnSync("git", ["apply", ...options, join(PATCHES, `${name}.patch`)], {
      cwd: this.#root,
      encoding: "utf8",
    });
    if (status !== 0 || stderr !== "") throw new Error(`${name} does not apply: ${stderr}`);
  }
}

/** Hunts every planted bug and prints a line for each. @returns whether all were found, by an oracle that may. */
export async function huntAll(): Promise<boolean> {
  const rest = PLANTED.values();
  let missed = 0;
  const lane = async () => {
    const copy = new SourceCopy();
    for (const bug of rest) {
      const { oracle, output } = await copy.hunt(bug);
      const isFound = oracle !== undefined && bug[2].includes(oracle);
      if (!isFound) missed += 1;
      const ending = oracle ?? output.trim().split("\n").at(-1);
      console.log(`${isFound ? "found" : "MISSED"} ${bug[0]}: ${ending}`);
    }
    copy.remove();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  console.log(`${PLANTED.length - missed} of ${PLANTED.length} planted bugs found`);
  return missed === 0;
}
