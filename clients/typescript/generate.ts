/** Writes `src/openapi.ts`. */
import { writeFileSync } from "node:fs";
import { TYPES_FILE, typesOfApi } from "./api-types.ts";

writeFileSync(TYPES_FILE, await typesOfApi());
