/** The places of a source text that can be changed, and the text in which each change is turned on by its number. */

/** A piece of the text. */
export type Span = Readonly<{ start: number; end: number }>;

export type Mutant = Readonly<{ id: number; file: string; line: number; was: string; is: string }>;

/**
 * `value`: an expression; each change is another one. `name`: the same in an object literal where only the name stands.
 * `step`: a statement that may be left out. `body`: a block, whose inside may be.
 */
type Form = "value" | "name" | "step" | "body";

type Site = Span & Readonly<{ form: Form; changes: Map<string, number>; inner: Site[] }>;

export class Sites {
  readonly mutants: Mutant[] = [];
  readonly #file: string;
  readonly #text: string;
  readonly #firstId: number;
  readonly #sites = new Map<string, Site>();

  constructor(file: string, text: string, firstId: number) {
    this.#file = file;
    this.#text = text;
    this.#firstId = firstId;
  }

  /** @param is what is there instead; nothing where the form leaves something out. */
  change({ start, end }: Span, form: Form, is = ""): void {
    const key = `${start} ${end}`;
    const site = this.#sites.get(key) ?? { form, start, end, changes: new Map<string, number>(), inner: [] };
    const was = this.#text.slice(start, end);
    if (is === was || site.changes.has(is)) return;
    this.#sites.set(key, site);
    const id = this.#firstId + this.mutants.length;
    site.changes.set(is, id);
    const line = this.#text.slice(0, start).split("\n").length;
    this.mutants.push({ id, file: this.#file, line, was, is });
  }

  /** @param anew constants of the module, which are made again whenever a change is turned on or off. */
  render(anew: readonly Readonly<{ declaration: Span; name: string; value: Span }>[]): string {
    const top = this.#nested();
    let text = this.#renderPart(0, this.#text.length, top);
    // Nothing but comments stands before the first statement that begins with this very word at the start of a line.
    for (const { declaration, name, value } of anew) {
      const before = this.#text.slice(declaration.start, value.start);
      text = text.replace(before, () => before.replace("const", "let"));
      const inside = top.filter(({ start, end }) => start >= value.start && end <= value.end);
      text += `\nmadeAgain(() => { ${name} = ${this.#renderPart(value.start, value.end, inside)}; });`;
    }
    return text;
  }

  #nested(): readonly Site[] {
    const top: Site[] = [];
    const open: Site[] = [];
    for (const site of [...this.#sites.values()].toSorted((a, b) => a.start - b.start || b.end - a.end)) {
      while (open.length > 0 && (open.at(-1) as Site).end < site.end) open.pop();
      (open.at(-1)?.inner ?? top).push(site);
      open.push(site);
    }
    return top;
  }

  #renderPart(from: number, to: number, sites: readonly Site[]): string {
    let rendered = "";
    let at = from;
    for (const site of sites) {
      rendered += this.#text.slice(at, site.start) + this.#renderSite(site);
      at = site.end;
    }
    return rendered + this.#text.slice(at, to);
  }

  #renderSite({ form, start, end, changes, inner }: Site): string {
    const was = this.#renderPart(start, end, inner);
    const [[, first = 0] = []] = changes;
    if (form === "step" || form === "body") return `{ if (!mutantIsOn(${first})) ${was} }`;
    const value = `(${[...changes].map(([is, id]) => `mutantIsOn(${id}) ? (${is}) : `).join("")}(${was}))`;
    return form === "name" ? `${was}: ${value}` : value;
  }
}
