/** Generates values for JSON schemas, most of them with a fault. */
import fc, { type Arbitrary, type GeneratorValue } from "fast-check";
import { pack } from "msgpackr";

export type Schema = Readonly<{
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  pattern?: string;
  format?: string;
  minLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  items?: Schema;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: Schema | boolean;
  example?: unknown;
}>;

/** Existing ids, by the name of the member, parameter or noun that takes them. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Raw JSON text, written unchanged. */
class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Members of an object, in order. One may be repeated, and any may be named `__proto__`. */
class Members {
  readonly pairs: readonly (readonly [string, unknown])[];

  constructor(pairs: Members["pairs"]) {
    this.pairs = pairs;
  }
}

const DEPTH_MAX = 5;
const TIMES = [
  "2026-01-01T00:00:00Z",
  "2090-01-01T00:00:00.000Z",
  "2026-02-30T00:00:00Z",
  "1969-12-31T23:59:59Z",
  "2026-01-01T00:00:00+14:00",
];
const NUMBERS = [
  ["0", "-0", "-1", "1.0", "0.5", "1e2", "1e-7", "1e400", "-1e400", "01", "+1", ".5", "1.", "NaN"],
  ["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740992", "0.1e1", "0x10"],
  ["123456789012345678901234567890", "100000000000000000000000e-20", "2147483648", "4294967296"],
].flat();
const TEXTS = [
  ['"\\ud800"', '"a\\udc00b"', '"\\u0000"', '"\\u2028"', '"\\x"', '"\n"', '"__proto__"', '""', '" "'],
  ['"@"', '"a/b/c"', '"é"', '"\u202e"', `"${"x".repeat(3000)}"`, '"𝟙"', '"-1"', "'a'"],
].flat();
const WRONG = ["null", "true", "[]", "{}", "[[]]", '{"a":1}', "undefined", "[1,]", "/**/1", "", "-", '{"a"}'];
const DEEP = [`${"[".repeat(40)}${"]".repeat(40)}`, `${'{"a":'.repeat(200)}1${"}".repeat(200)}`];
const NAMES = ["__proto__", "constructor", "amount", "unknown", "", "toString", "Amount", "\u0000", "id"];

type Generator = GeneratorValue;

export class SchemaValues {
  readonly #schemas: Readonly<Record<string, Schema>>;
  readonly #known: Known;
  readonly #ofPattern = new Map<string, () => Arbitrary<string>>();

  constructor(schemas: Readonly<Record<string, Schema>>, known: Known) {
    this.#schemas = schemas;
    this.#known = known;
  }

  /** @param name of the member for the value. */
  valueOf(g: Generator, schema: Schema, name = "", depth = 0): unknown {
    if (schema.$ref !== undefined) {
      return this.valueOf(g, this.#schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, name, depth);
    }
    const known = this.#known[name];
    if (known !== undefined && (schema.type === "string" || g(fc.boolean))) return oneOf(g, known);
    if (schema.example !== undefined && oneIn(g, 3)) return schema.example;
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return oneOf(g, schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return this.valueOf(g, oneOf(g, choices), name, depth);
    if (schema.allOf !== undefined && schema.type === undefined)
      return this.valueOf(g, Object.assign({}, ...schema.allOf) as Schema, name, depth);
    return this.#ofType(g, schema, depth);
  }

  #ofType(g: Generator, schema: Schema, depth: number): unknown {
    const type = typeof schema.type === "string" ? schema.type : oneOf(g, schema.type ?? ["null"]);
    switch (type) {
      case "string":
        return this.#text(g, schema);
      case "integer":
      case "number": {
        const min = schema.minimum ?? 0;
        return min + upTo(g, Math.max(0, Math.min((schema.maximum ?? 1000) - min, 1000)));
      }
      case "boolean":
        return g(fc.boolean);
      case "array": {
        const length = depth > DEPTH_MAX ? 0 : upTo(g, 3);
        return Array.from({ length: Math.max(length, schema.minItems ?? 0) }, () =>
          this.valueOf(g, schema.items ?? {}, "", depth + 1),
        );
      }
      case "object":
        return this.#object(g, schema, depth);
      default:
        return null;
    }
  }

  #object(g: Generator, schema: Schema, depth: number): object {
    const { properties = {}, required = [], additionalProperties: more } = schema;
    const object: Record<string, unknown> = {};
    if (depth > DEPTH_MAX) return object;
    for (const [name, member] of Object.entries(properties))
      if (required.includes(name) || oneIn(g, 4)) object[name] = this.valueOf(g, member, name, depth + 1);
    if (typeof more === "object" && oneIn(g, 2)) object["more"] = this.valueOf(g, more, "more", depth + 1);
    return object;
  }

  #text(g: Generator, { format, pattern, minLength = 0 }: Schema): string {
    if (format === "date-time") return oneOf(g, TIMES);
    if (format === "email") return "ann@example.com";
    if (pattern !== undefined) {
      let ofPattern = this.#ofPattern.get(pattern);
      if (ofPattern === undefined) {
        ofPattern = textsOf(pattern);
        this.#ofPattern.set(pattern, ofPattern);
      }
      return g(ofPattern);
    }
    return g(fc.string, { minLength, maxLength: minLength + 12 });
  }
}

/** Patterns that fast-check cannot parse (such as look-ahead) produce arbitrary text. */
function textsOf(pattern: string): () => Arbitrary<string> {
  try {
    const texts = fc.stringMatching(new RegExp(pattern), { size: "-1" });
    return () => texts;
  } catch {
    return () => fc.string();
  }
}

const evenly = (max: number): Arbitrary<number> => fc.noBias(fc.nat({ max }));

/** Uniform from 0 to `max`; fast-check would prefer the ends. */
export function upTo(g: Generator, max: number): number {
  return g(evenly, max);
}

export function oneOf<T>(g: Generator, values: readonly T[]): T {
  return values[upTo(g, values.length - 1)] as T;
}

export function oneIn(g: Generator, n: number): boolean {
  return upTo(g, n - 1) === n - 1;
}

type Place = Readonly<{ replace: (value: unknown) => void; value: unknown }>;

/** Every value in a tree, with a function that replaces it. */
function placesOf(value: unknown, replace: Place["replace"], found: Place[] = []): readonly Place[] {
  found.push({ value, replace });
  if (typeof value !== "object" || value === null) return found;
  const parent = value as Record<string, unknown>;
  for (const [name, child] of Object.entries(parent)) {
    placesOf(
      child,
      (other) => {
        parent[name] = other;
      },
      found,
    );
  }
  return found;
}

/** A value with one fault that a schema may not express. */
export function mutated(g: Generator, original: unknown): unknown {
  const root = { value: structuredClone(original) };
  const places = placesOf(root.value, (other) => {
    root.value = other;
  });
  const { value, replace } = oneOf(g, places);
  const members = typeof value === "object" && value !== null ? Object.entries(value) : [];
  switch (upTo(g, 7)) {
    case 0:
      replace(new Raw(oneOf(g, NUMBERS)));
      break;
    case 1:
      replace(new Raw(oneOf(g, TEXTS)));
      break;
    case 2:
      replace(new Raw(oneOf(g, WRONG)));
      break;
    case 3:
      replace(new Raw(oneOf(g, DEEP)));
      break;
    case 4:
      if (members.length > 0) {
        const without = upTo(g, members.length - 1);
        replace(Object.fromEntries(members.filter((_, i) => i !== without)));
      } else replace({});
      break;
    case 5:
      replace(new Members([...members, [oneOf(g, NAMES), oneOf(g, [1, null, "x", {}])]]));
      break;
    case 6:
      if (members.length > 0) replace(new Members([...members, oneOf(g, members)]));
      else replace([value, value]);
      break;
    default:
      replace(Array.from({ length: 30 }, () => value));
  }
  return root.value;
}

export function jsonOf(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const pairs = value instanceof Members ? value.pairs : Object.entries(value);
  return `{${pairs.map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`).join(",")}}`;
}

/** Converts to a MessagePack value. What only JSON can express becomes the nearest value; a map may have any name. */
export function packedOf(value: unknown): Buffer {
  return pack(packable(value));
}

function packable(value: unknown): unknown {
  if (value instanceof Raw) {
    const number = Number(value.text);
    return Number.isNaN(number) ? value.text : number;
  }
  if (Array.isArray(value)) return value.map(packable);
  if (typeof value !== "object" || value === null) return value;
  const pairs = value instanceof Members ? value.pairs : Object.entries(value);
  return new Map(pairs.map(([name, member]) => [name, packable(member)]));
}

/** Bytes with one fault. */
export function spoilt(g: Generator, body: Buffer): Buffer {
  const at = upTo(g, body.length);
  switch (upTo(g, 6)) {
    case 0:
      return body.subarray(0, at);
    case 1:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
    case 2:
      return Buffer.concat([body.subarray(0, at), Buffer.from([0xff, 0xc0]), body.subarray(at)]);
    case 3: {
      const flipped = Buffer.from(body);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << upTo(g, 7));
      return flipped;
    }
    case 4:
      return Buffer.concat([body, Buffer.from(oneOf(g, ["x", "{}", "\n\n", "\u0000", " "]))]);
    case 5:
      return Buffer.from(body.toString("utf8"), "utf16le");
    default:
      return Buffer.alloc(0);
  }
}
