import { parseArgs } from "node:util";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { count, oneOf } from "../support/flags.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { PRESETS, type PresetName } from "./preset.ts";

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
