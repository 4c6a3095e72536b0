import type { Series, SeriesReader, Values } from "../../src/statistics/store.ts";

/** Series of one partner. A test sets the value of each at a moment, and until when they are complete. */
export class FakeSeries implements Pick<SeriesReader, "read"> {
  closedAt = 0;
  readonly asked: (readonly [partner: string, series: readonly string[]])[] = [];
  valueOf: (series: string, at: number) => bigint = () => 0n;

  async read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series> {
    this.asked.push([partner, series]);
    const values: readonly Values[] = moments
      .filter((at) => at <= this.closedAt)
      .map((at) => ({ at, values: series.map((name) => this.valueOf(name, at)) }));
    return { closedAt: this.closedAt, values };
  }
}
