/**
 * Requests for every route of the OpenAPI document, in pairs: one names a thing of another partner, the other a thing
 * that does not exist.
 */

/** Two values for the same place in a request: a thing of another partner, and one that does not exist. */
export type Pair = readonly [real: string, missing: string];

/** Values for a noun of a path, such as `accounts`. `own`: a thing of the caller, to reach the parameters after it. */
export type Noun = Readonly<{ pairs: readonly Pair[]; own?: string; plausible?: boolean }>;

export type Fills = Readonly<{
  nouns: Readonly<Record<string, Noun>>;
  /** By query parameter. `null`: it names nothing. A text: its value, because requests need it. */
  queries: Readonly<Record<string, readonly Pair[] | string | null>>;
  /** By `METHOD path`, where the example of the document cannot be used. */
  bodies: Readonly<Record<string, (side: 0 | 1) => unknown>>;
}>;

/** Two requests whose answers must be indistinguishable. */
export type Twin = Readonly<{
  method: string;
  route: string;
  paths: Pair;
  bodies: readonly [real: unknown, missing: unknown];
  /** The names that differ between the two. */
  names: readonly Pair[];
  /** Whether the path names a thing that exists for another partner. */
  isNamed: boolean;
}>;

/** A part of the two requests, and the names in it. */
type Part = Readonly<{ texts: Pair; names: readonly Pair[] }>;

type Schema = Readonly<{ $ref?: string; example?: unknown }>;
type Operation = Readonly<{
  security: readonly unknown[];
  parameters?: readonly Readonly<{ in: string; name: string; required?: boolean }>[];
  requestBody?: Readonly<{ required?: boolean; content: Readonly<Record<string, { schema: Schema }>> }>;
}>;
export type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;

function unknown(what: string): Error {
  return new Error(`the walk cannot fill ${what}: add values for it in foreign-key.test.ts`);
}

const PARAMETER = /([a-z-]+)\/\{[a-z_]+\}/g;

/**
 * Every way to fill in a path, without those that name nothing of another partner. @throws Error for an unknown noun
 */
function pathsOf(route: string, { nouns }: Fills): readonly Part[] {
  let parts: readonly Part[] = [{ texts: [route, route], names: [] }];
  for (const [, name = ""] of route.matchAll(PARAMETER)) {
    const noun = nouns[name];
    if (noun === undefined) throw unknown(`${name} in ${route}`);
    const { own } = noun;
    const pairs: readonly Pair[] = own === undefined ? noun.pairs : [...noun.pairs, [own, own]];
    parts = parts.flatMap(({ texts: [real, missing], names }) =>
      pairs.map((pair) => {
        const texts: Pair = [filled(real, pair[0]), filled(missing, pair[1])];
        return { texts, names: pair[0] === pair[1] ? names : [...names, pair] };
      }),
    );
  }
  return route.includes("{") ? parts.filter(({ names }) => names.length > 0) : parts;
}

function filled(path: string, value: string): string {
  return path.replace(/\{[a-z_]+\}/, encodeURIComponent(value));
}

/** The query strings to send: only the required parameters, and one more for each thing that can be named. */
function queriesOf(name: string, { parameters = [] }: Operation, { queries }: Fills): readonly Part[] {
  const needed: string[] = [];
  const naming: [string, Pair][] = [];
  for (const { in: place, name: query, required = false } of parameters) {
    if (place !== "query") continue;
    const fill = queries[`${name} ${query}`] ?? queries[query];
    if (fill === undefined || (required && fill === null)) throw unknown(`?${query}= of ${name}`);
    if (typeof fill === "string") needed.push(`${query}=${fill}`);
    else for (const pair of fill ?? []) naming.push([query, pair]);
  }
  const text = (more: readonly string[]) =>
    needed.length + more.length === 0 ? "" : `?${[...needed, ...more].join("&")}`;
  const bare: Part = { texts: [text([]), text([])], names: [] };
  const named = naming.map(([query, pair]): Part => {
    const [real, missing] = pair.map((value) => text([`${query}=${encodeURIComponent(value)}`]));
    return { texts: [real as string, missing as string], names: [pair] };
  });
  return [bare, ...named];
}

/** The text values of a body, in order. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** The text values that differ between two bodies of the same form. */
function namesOf([real, missing]: Twin["bodies"]): readonly Pair[] {
  const others = textsOf(missing);
  return textsOf(real)
    .map((text, i): Pair => [text, others[i] as string])
    .filter(([text, other]) => text !== other);
}

function bodiesOf(name: string, operation: Operation, document: OpenApi, fills: Fills): Twin["bodies"] {
  const own = fills.bodies[name];
  if (own !== undefined) return [own(0), own(1)];
  if (operation.requestBody === undefined) return [undefined, undefined];
  const schema = operation.requestBody.content["application/json"]?.schema;
  const stored = document.components.schemas[schema?.$ref?.split("/").at(-1) ?? ""];
  const example = schema?.example ?? stored?.example;
  if (example === undefined && operation.requestBody.required === true) throw unknown(`the body of ${name}`);
  return [example, example];
}

/** All pairs of requests that need a key. @throws Error for a route that it cannot fill */
export function twinsOf(document: OpenApi, fills: Fills): readonly Twin[] {
  const twins: Twin[] = [];
  for (const [route, operations] of Object.entries(document.paths)) {
    for (const [verb, operation] of Object.entries(operations)) {
      if (operation.security.length === 0) continue;
      const method = verb.toUpperCase();
      const bodies = bodiesOf(`${method} ${route}`, operation, document, fills);
      const nouns = [...route.matchAll(PARAMETER)].map(([, noun = ""]) => fills.nouns[noun]);
      const isNamed = nouns.length > 0 && nouns.every((noun) => noun?.plausible !== true);
      for (const path of pathsOf(route, fills))
        for (const query of queriesOf(`${method} ${route}`, operation, fills)) {
          const [real, missing] = path.texts;
          const paths: Pair = [`${real}${query.texts[0]}`, `${missing}${query.texts[1]}`];
          const names = [...path.names, ...query.names, ...namesOf(bodies)];
          twins.push({ method, route, paths, bodies, names, isNamed });
        }
    }
  }
  return twins;
}
