/**
 * Fails if `src/openapi.ts` is not what the server's OpenAPI document says, or if the client, or a sample of
 * docs/CLIENT.md, has a type error.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSamples } from "../../test/client/samples.ts";
import { TYPES_FILE, typesOfApi } from "./api-types.ts";

function fail(fault: string): void {
  process.stderr.write(`${fault}\n`);
  process.exitCode = 1;
}

if (readFileSync(TYPES_FILE, "utf8") !== (await typesOfApi()))
  fail(`${TYPES_FILE} is not what the server says: run \`npm run generate --workspace @daybook/client\``);
const folder = mkdtempSync(join(tmpdir(), "daybook-client-"));
try {
  const faults = buildSamples(folder);
  if (faults !== "") fail(faults);
} finally {
  rmSync(folder, { recursive: true });
}
