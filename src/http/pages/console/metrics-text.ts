/** Reads the server's own Prometheus text. */

type Sample = Readonly<{ labels: Readonly<Record<string, string>>; value: number }>;

const LINE = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export class MetricsText {
  readonly #samples = new Map<string, Sample[]>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      if (line.startsWith("#")) continue;
      const [, name = "", labelText = "", valueText = ""] = LINE.exec(line) ?? [];
      if (name === "") continue;
      const labels: Record<string, string> = {};
      for (const [, label = "", value = ""] of labelText.matchAll(LABEL)) labels[label] = value;
      const known = this.#samples.get(name);
      const sample = { labels, value: Number(valueText) };
      if (known === undefined) this.#samples.set(name, [sample]);
      else known.push(sample);
    }
  }

  all(name: string): readonly Sample[] {
    return this.#samples.get(name) ?? [];
  }

  values(name: string): readonly number[] {
    return this.all(name).map(({ value }) => value);
  }

  sum(name: string): number {
    return this.values(name).reduce((sum, value) => sum + value, 0);
  }

  /** 0 if there is no such metric. */
  max(name: string): number {
    return Math.max(0, ...this.values(name));
  }
}
