#!/usr/bin/env node
/** The command line, under the runtime of this project: `npx daybook`, or a link to this file on the PATH. */
import { fileURLToPath } from "node:url";
import { run } from "./run.mjs";

await run([fileURLToPath(new URL("../src/cli/daybook.ts", import.meta.url)), ...process.argv.slice(2)]);
