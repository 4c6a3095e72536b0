/**
 * What is changed in a source file, one thing at a time. Left alone is what only says what can never be: `assert`,
 * `unreachable` and what is thrown.
 */
import { parseAst } from "vitest/node";
import { type Mutant, Sites, type Span } from "./sites.ts";

/** A node of the syntax tree, with those of its parts that are looked at here. */
interface Node extends Span {
  readonly type: string;
  readonly name?: string;
  readonly kind?: string;
  readonly importKind?: string;
  readonly operator?: string;
  readonly value?: Node | string | number | bigint | boolean | null;
  readonly raw?: string;
  readonly shorthand?: boolean;
  readonly computed?: boolean;
  readonly optional?: boolean;
  readonly key?: Node;
  readonly id?: Node | null;
  readonly init?: Node | null;
  readonly test?: Node | null;
  readonly left?: Node;
  readonly right?: Node;
  readonly argument?: Node | null;
  readonly alternate?: Node | null;
  readonly expression?: Node | boolean;
  readonly body?: Node | readonly Node[];
  readonly callee?: Node;
  readonly object?: Node;
  readonly property?: Node;
  readonly source?: Node | null;
  readonly declaration?: Node | null;
  readonly declarations?: readonly Node[];
  readonly elements?: readonly (Node | null)[];
  readonly properties?: readonly Node[];
}

const BOUNDARIES = new Map(Object.entries({ "<": "<=", "<=": "<", ">": ">=", ">=": ">" }));
const COMPARISONS = new Set([...BOUNDARIES.keys(), "===", "!==", "in", "instanceof"]);
const OPERATORS = new Map(
  Object.entries({
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "**": "*",
    "<<": ">>>",
    ">>": "<<",
    ">>>": "<<",
    "&": "|",
    "|": "&",
    "^": "&",
  }),
);
const METHODS = new Map(
  Object.entries({
    min: "max",
    max: "min",
    floor: "ceil",
    some: "every",
    every: "some",
    startsWith: "endsWith",
    endsWith: "startsWith",
    toUpperCase: "toLowerCase",
    toLowerCase: "toUpperCase",
  }),
);
/** Without them there is what they are called on. */
const SELECTIONS = new Set(["filter", "slice", "toReversed", "reverse", "toSorted", "sort", "trim"]);
const FUNCTIONS = new Set(["ArrowFunctionExpression", "FunctionExpression", "FunctionDeclaration"]);
/** Sides of assignments, and names of things: no values. */
const NO_VALUES: Readonly<Record<string, readonly string[]>> = {
  ExportNamedDeclaration: ["specifiers", "source"],
  AssignmentExpression: ["left"],
  UpdateExpression: ["argument"],
  VariableDeclarator: ["id"],
};

export type Mutated = Readonly<{ code: string; mutants: readonly Mutant[]; imports: readonly string[] }>;

export function mutate(file: string, text: string, firstId: number): Mutated {
  const sites = new Sites(file, text, firstId);
  const program = parseAst(text, { lang: "ts" }) as unknown as Readonly<{ body: readonly Node[] }>;
  const mutator = new Mutator(sites, text);
  const imports: string[] = [];
  const anew: { declaration: Span; name: string; value: Span }[] = [];
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      if (statement.importKind !== "type") imports.push(statement.source?.value as string);
      continue;
    }
    const count = sites.mutants.length;
    mutator.visit(statement);
    const declaration = statement.declaration ?? statement;
    const [declared] = declaration.declarations ?? [];
    const { id, init } = declared ?? {};
    if (declaration.kind !== "const" || sites.mutants.length === count || !id?.name || !init) continue;
    if (!FUNCTIONS.has(init.type)) anew.push({ declaration, name: id.name, value: init });
  }
  return { code: sites.render(anew), mutants: sites.mutants, imports };
}

class Mutator {
  readonly #sites: Sites;
  readonly #text: string;

  constructor(sites: Sites, text: string) {
    this.#sites = sites;
    this.#text = text;
  }

  /** @param isWhole it is all that a condition decides about: to leave it out is to say that it does not hold. */
  visit(node: Node, isWhole = false): void {
    if (node.type.startsWith("TS") && !node.type.endsWith("Expression")) return;
    if (node.type === "ThrowStatement" || isAssertion(node)) return;
    if (!isWhole) this.#mutate(node);
    for (const [name, child] of Object.entries(node)) {
      if (NO_VALUES[node.type]?.includes(name)) {
        if (isNode(child)) this.#visitIndexes(child);
        continue;
      }
      if (name === "key" && !node.computed) continue;
      if (node.type === "Property" && node.shorthand && name === "value" && isNode(child)) {
        if (child.type === "AssignmentPattern" && child.right !== undefined) this.visit(child.right);
        continue;
      }
      for (const each of Array.isArray(child) ? (child as unknown[]) : [child])
        if (isNode(each)) this.visit(each, name === "consequent" && !node.alternate && isJump(each));
    }
  }

  /** What is assigned to is no value, and the index in it is one. */
  #visitIndexes(node: Node): void {
    if (node.type !== "MemberExpression" || node.object === undefined) return;
    if (node.computed && node.property !== undefined) this.visit(node.property);
    this.#visitIndexes(node.object);
  }

  #mutate(node: Node): void {
    switch (node.type) {
      case "IfStatement":
      case "ConditionalExpression":
        if (node.test) this.#condition(node.test);
        break;
      case "WhileStatement":
      case "ForStatement":
        if (node.test) this.#sites.change(node.test, "value", "false");
        break;
      case "BinaryExpression":
        this.#operation(node);
        break;
      case "LogicalExpression":
        this.#logic(node);
        break;
      case "AssignmentExpression":
      case "UpdateExpression":
        this.#assignment(node);
        break;
      case "UnaryExpression":
        if (node.operator === "-" || node.operator === "!")
          this.#sites.change(node, "value", this.#textOf(node.argument));
        break;
      case "Literal":
        this.#literal(node);
        break;
      case "TemplateLiteral":
        this.#sites.change(node, "value", '""');
        break;
      case "ArrayExpression":
        if (node.elements?.length !== 0) this.#sites.change(node, "value", "[]");
        for (const each of node.elements ?? []) if (each) this.#spread(each, "[]");
        break;
      case "ObjectExpression":
        for (const property of node.properties ?? []) this.#property(property);
        break;
      case "ChainExpression":
        this.#chain(node);
        break;
      case "CallExpression":
        this.#call(node);
        break;
      default:
        this.#statement(node);
    }
  }

  #statement(node: Node): void {
    const { type, body, argument, expression } = node;
    if (FUNCTIONS.has(type) && body !== undefined && !Array.isArray(body)) {
      const inside = body as Node;
      if (inside.type === "BlockStatement") {
        if ((inside.body as readonly Node[]).length > 0) this.#sites.change(inside, "body");
      } else if (!COMPARISONS.has(inside.operator ?? "")) this.#sites.change(inside, "value", "undefined");
      return;
    }
    if (type === "ContinueStatement" || type === "BreakStatement") this.#sites.change(node, "step");
    if (type === "ReturnStatement" && !argument) this.#sites.change(node, "step");
    if (type !== "ExpressionStatement" || typeof expression !== "object") return;
    if (!isAssertion(expression)) this.#sites.change(node, "step");
  }

  /** Whether something is so, where nothing but that counts. */
  #condition(node: Node): void {
    if (node.type === "LogicalExpression" && node.operator !== "??") {
      if (node.left) this.#condition(node.left);
      if (node.right) this.#condition(node.right);
      return;
    }
    this.#sites.change(node, "value", "true");
    this.#sites.change(node, "value", "false");
  }

  #operation(node: Node): void {
    const { operator = "", left, right } = node;
    if (left === undefined || right === undefined) return;
    if (COMPARISONS.has(operator)) this.#condition(node);
    const is = BOUNDARIES.get(operator) ?? OPERATORS.get(operator);
    if (is === undefined || (operator === "+" && (isText(left) || isText(right)))) return;
    this.#sites.change(node, "value", `(${this.#textOf(left)}) ${is} (${this.#textOf(right)})`);
  }

  #logic(node: Node): void {
    const { operator, left, right } = node;
    if (left === undefined || right === undefined) return;
    if (operator === "??") {
      this.#sites.change(node, "value", this.#textOf(left));
      this.#sites.change(node, "value", this.#textOf(right));
      return;
    }
    const is = operator === "&&" ? "||" : "&&";
    this.#sites.change(node, "value", `(${this.#textOf(left)}) ${is} (${this.#textOf(right)})`);
    this.#condition(left);
  }

  #assignment(node: Node): void {
    const { type, operator = "", left, right, argument } = node;
    const is = OPERATORS.get(operator.slice(0, -1));
    if (is === undefined) return;
    if (type === "UpdateExpression")
      this.#sites.change(node, "value", this.#textOf(node).replace(operator, is + is));
    else if (left && right && !argument)
      this.#sites.change(node, "value", `${this.#textOf(left)} ${is}= (${this.#textOf(right)})`);
  }

  #literal(node: Node): void {
    const { value, raw = "" } = node;
    if (typeof value === "boolean") this.#sites.change(node, "value", String(!value));
    else if (typeof value === "number") this.#sites.change(node, "value", `${raw} + 1`);
    else if (typeof value === "bigint") this.#sites.change(node, "value", `${raw} + 1n`);
    else if (typeof value === "string") this.#sites.change(node, "value", value === "" ? '"?"' : '""');
  }

  #property(property: Node): void {
    this.#spread(property, "{}");
    if (property.type !== "Property" || property.kind !== "init") return;
    const value = property.value as Node;
    if (property.shorthand) this.#sites.change(property, "name", "undefined");
    else if (value.type === "Identifier" || value.type === "MemberExpression")
      this.#sites.change(value, "value", "undefined");
  }

  #spread({ type, argument }: Node, nothing: string): void {
    if (type === "SpreadElement" && argument) this.#sites.change(argument, "value", nothing);
  }

  /** Without its first `?.`, and so on. */
  #chain(node: Node): void {
    const text = this.#textOf(node);
    for (let each = node.expression as Node | undefined; each; each = each.object ?? each.callee) {
      const before = each.object ?? each.callee;
      if (!each.optional || before === undefined) continue;
      const at = text.indexOf("?.", before.end - node.start);
      const isName = each.type === "MemberExpression" && !each.computed;
      this.#sites.change(node, "value", text.slice(0, at) + (isName ? "." : "") + text.slice(at + 2));
    }
  }

  /** One in the middle of a chain is left alone: it ends with the chain where there is nothing. */
  #call({ callee, start, end }: Node): void {
    const { object, property, optional, computed } = callee ?? {};
    if (!object || !property || optional || computed || isChained(object)) return;
    const is = METHODS.get(property.name ?? "");
    const text = this.#text.slice(start, end);
    if (is !== undefined) {
      const [from, to] = [property.start - start, property.end - start];
      this.#sites.change({ start, end }, "value", text.slice(0, from) + is + text.slice(to));
    } else if (SELECTIONS.has(property.name ?? ""))
      this.#sites.change({ start, end }, "value", this.#textOf(object));
  }

  #textOf(node: Span | null | undefined): string {
    return node ? this.#text.slice(node.start, node.end) : "";
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function isJump({ type }: Node): boolean {
  return ["ContinueStatement", "BreakStatement", "ReturnStatement"].includes(type);
}

function isText({ type, value }: Node): boolean {
  return type === "TemplateLiteral" || typeof value === "string";
}

function isAssertion(node: Node): boolean {
  const call = node.type === "ExpressionStatement" ? (node.expression as Node) : node;
  return call.type === "CallExpression" && ["assert", "unreachable"].includes(call.callee?.name ?? "");
}

function isChained(node: Node): boolean {
  return node.optional === true || [node.object, node.callee].some((each) => each && isChained(each));
}
