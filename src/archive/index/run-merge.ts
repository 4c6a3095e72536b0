/** Merges sorted runs incrementally. */
import { assert } from "../../errors/assert.ts";
import type { Run } from "./run.ts";
import type { Page, RunMeta } from "./run-page.ts";
import { RunWriter } from "./run-writer.ts";

/** Above every key: marks an exhausted input. */
const LAST_KEY = 0x1_0000_0000;

/** The current entry of one input run. */
class Input {
  high = 0;
  low = 0;
  page: Page;
  at = 0;
  readonly base: number;
  readonly #run: Run;
  #pageNumber = 0;

  constructor(run: Run, base: number) {
    this.#run = run;
    this.base = run.meta.base - base;
    this.page = run.readPage(0);
    this.#load();
  }

  advance(): void {
    this.at += 1;
    if (this.at === this.page.count) this.#nextPage();
    else this.#load();
  }

  #nextPage(): void {
    this.#pageNumber += 1;
    this.at = 0;
    if (this.#pageNumber === this.#run.pages) {
      this.high = LAST_KEY;
      return;
    }
    this.page = this.#run.readPage(this.#pageNumber);
    this.#load();
  }

  #load(): void {
    this.high = this.page.highs[this.at] as number;
    this.low = this.page.lows[this.at] as number;
  }
}

/**
 * Merges several runs into one, incrementally. Inputs are ordered oldest first. Among equal keys the older run's
 * entries go first, so that a key's entries stay in log order. A crash loses only the unfinished file.
 */
export class RunMerge {
  readonly inputs: readonly Run[];
  readonly #heads: Input[];
  readonly #writer: RunWriter;
  readonly #hasAmounts: boolean;

  constructor(folder: string, id: number, inputs: readonly Run[]) {
    const [first] = inputs;
    assert(first !== undefined, "a merge has inputs");
    const { kind, level, width, base } = first.meta;
    this.inputs = inputs;
    this.#heads = inputs.map((run) => new Input(run, base));
    this.#writer = new RunWriter(folder, id, kind, level + 1, width, base);
    this.#hasAmounts = width === 32;
  }

  /** Merges up to `entries` entries. @returns the new run once it is complete. */
  step(entries: number): RunMeta | undefined {
    const heads = this.#heads;
    for (let moved = 0; moved < entries; moved++) {
      let least = heads[0] as Input;
      for (let i = 1; i < heads.length; i++) {
        const head = heads[i] as Input;
        if (head.high < least.high || (head.high === least.high && head.low < least.low)) least = head;
      }
      if (least.high === LAST_KEY) return this.#writer.finish();
      const { page, at } = least;
      this.#writer.push(
        least.high,
        least.low,
        (page.batches[at] as number) + least.base,
        page.slots[at] as number,
        this.#hasAmounts ? (page.seqs[at] as number) : 0,
        this.#hasAmounts ? (page.amounts[at] as number) : 0,
      );
      least.advance();
    }
    return undefined;
  }

  abandon(): void {
    this.#writer.abandon();
  }
}
