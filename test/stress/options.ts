import { parseArgs } from "node:util";
import { PRESETS, type PresetName } from "./preset.ts";
import { ISOLATIONS, type Isolation } from "./subject.ts";

export type Options = Readonly<{
  modes: readonly Isolation[];
  shards: readonly number[];
  /** Duration of the measured part of each trial. */
  seconds: number;
  seed: number;
  preset: PresetName;
  loadProcesses: number;
  json: boolean;
  /** Put the table into docs/threads-vs-processes.md. */
  doc: boolean;
}>;

/** @throws TypeError for an unknown flag or value, RangeError for a number out of range. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      modes: { type: "string", default: ISOLATIONS.join() },
      shards: { type: "string", default: "1,2,4" },
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
      preset: { type: "string", default: "mix" },
      "load-processes": { type: "string", default: "2" },
      json: { type: "boolean", default: false },
      doc: { type: "boolean", default: false },
    },
  });
  const preset = oneOf("preset", Object.keys(PRESETS) as PresetName[], values.preset);
  if (values.doc && preset !== "mix") throw new TypeError("--doc shows the figures of the preset mix");
  return {
    modes: values.modes.split(",").map((name) => oneOf("modes", ISOLATIONS, name)),
    shards: values.shards.split(",").map((text) => count("shards", text)),
    seconds: count("seconds", values.seconds),
    seed: count("seed", values.seed),
    preset,
    loadProcesses: count("load-processes", values["load-processes"]),
    json: values.json,
    doc: values.doc,
  };
}

function oneOf<T extends string>(flag: string, known: readonly T[], text: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new TypeError(`--${flag} knows ${known.join(", ")}, and not ${text}`);
  return found;
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${flag} must be a whole number from 1`);
  return value;
}
