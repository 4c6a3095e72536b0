/** The types of the API, from the server's OpenAPI document. Needs neither a running server nor a network. */
import { fileURLToPath } from "node:url";
import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript";
import { createTestApp } from "../../test/http/test-app.ts";

export const TYPES_FILE = fileURLToPath(new URL("src/openapi.ts", import.meta.url));

const HEAD =
  "/** The types of the API, made from the server's OpenAPI document by `npm run generate`. Do not edit. */\n";

type Operation = { responses: Record<string, { headers?: object }> };

/** The text of the file, as it must be. */
export async function typesOfApi(): Promise<string> {
  const answer = await createTestApp().request("GET", "/openapi.json", { key: "" });
  const document = (await answer.json()) as OpenAPI3;
  trim(document);
  // A request may leave out what has a default.
  const types = astToString(await openapiTypescript(document, { silent: true, defaultNonNullable: false }));
  return HEAD + types.replaceAll(/^export type (?:webhooks|\$defs) = .*\n/gm, "");
}

/**
 * Removes what all operations share, two thirds of the document: each refusal is a `Problem`, which the client throws, and
 * the headers of answers are text.
 */
function trim(document: OpenAPI3): void {
  delete document.webhooks;
  const paths = Object.values(document.paths ?? {}) as Record<string, Operation>[];
  for (const { responses } of paths.flatMap((path) => Object.values(path)))
    for (const status of Object.keys(responses))
      if (status.startsWith("2")) delete responses[status]?.headers;
      else delete responses[status];
}
