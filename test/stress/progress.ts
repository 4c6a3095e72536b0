/** Progress on stderr: one line that is redrawn on a terminal, plain lines elsewhere. */
import type { Phase } from "./trial.ts";

const DRAW_MS = 250;
const BAR_LENGTH = 24;
const CLEAR_LINE = "\r\u001B[K";

const PHASES: readonly Phase[] = ["start", "load", "kill", "warm-up", "measure", "settle", "verify"];
const SAYING: Readonly<Record<Phase, string>> = {
  start: "starting the server",
  load: "under load",
  kill: "a shard is down",
  "warm-up": "it is back",
  measure: "measuring",
  settle: "waiting for the last answers",
  verify: "checking the books",
};

export class Progress {
  readonly #trials: number;
  readonly #startedMs = performance.now();
  #trial = 0;
  #name = "";
  #phase: Phase = "start";
  #answered: () => number = () => 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(trials: number) {
    this.#trials = trials;
    if (process.stderr.isTTY) this.#timer = setInterval(() => this.#draw(), DRAW_MS);
  }

  trial(name: string): void {
    this.#trial += 1;
    this.#name = name;
  }

  phase(phase: Phase, answered: () => number): void {
    this.#phase = phase;
    this.#answered = answered;
    if (process.stderr.isTTY) this.#draw();
    else process.stderr.write(`${this.#seconds()} s  ${this.#name}: ${SAYING[phase]}\n`);
  }

  /** Prints a permanent line. */
  say(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `${CLEAR_LINE}${text}\n` : `${text}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
    if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
  }

  #draw(): void {
    const done = (this.#trial - 1 + PHASES.indexOf(this.#phase) / PHASES.length) / this.#trials;
    const filled = Math.round(Math.max(0, done) * BAR_LENGTH);
    const bar = `${"█".repeat(filled)}${"░".repeat(BAR_LENGTH - filled)}`;
    const answered = this.#answered().toLocaleString("en");
    process.stderr.write(
      `${CLEAR_LINE}${bar} ${this.#trial}/${this.#trials} ${this.#name}: ${SAYING[this.#phase]}, ` +
        `${answered} answers, ${this.#seconds()} s`,
    );
  }

  #seconds(): number {
    return Math.round((performance.now() - this.#startedMs) / 1000);
  }
}
