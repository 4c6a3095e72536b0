/** What an operation is called in a client that was generated from the document. Pure. */

/**
 * From the address: `POST /v1/accounts` is `createAccount`, `GET /v1/accounts` is `listAccounts`, and
 * `POST /v1/accounts/{id}/freeze` is `freezeAccount`.
 */
export function operationId(method: string, path: string): string {
  const segments = path.split("/").filter((segment) => !["", "v1", "admin"].includes(segment));
  const words = segments.map((segment) => (isParameter(segment) ? "" : toPascalCase(segment)));
  const last = words.at(-1) ?? "";
  const ofThing = words.map(singular).join("");
  if (last === "") return `${VERBS[method] ?? method}${ofThing}`;
  const parents = words.slice(0, -1);
  if (method === "post" && parents.at(-1) === "" && !isPlural(last))
    return `${toCamelCase(last)}${parents.map(singular).join("")}`;
  if (method === "post") return `create${ofThing}`;
  const verb = method === "get" && isPlural(last) ? "list" : VERBS[method];
  return `${verb}${parents.map(singular).join("")}${last}`;
}

const VERBS: Readonly<Record<string, string>> = {
  get: "get",
  put: "put",
  patch: "update",
  delete: "delete",
};

function isParameter(segment: string): boolean {
  return segment.startsWith("{");
}

function isPlural(word: string): boolean {
  return word.endsWith("s") && !["Metrics", "Settings", "Statistics"].includes(word);
}

function singular(word: string): string {
  if (!isPlural(word)) return word;
  return word
    .replace(/ies$/, "y")
    .replace(/(ch)es$/, "$1")
    .replace(/s$/, "");
}

function toPascalCase(segment: string): string {
  return segment
    .split(/[-_.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

function toCamelCase(word: string): string {
  return word.charAt(0).toLowerCase() + word.slice(1);
}
