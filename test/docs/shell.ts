/** One POSIX shell that runs the handbook's blocks one after the other, like an operator's. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/until.ts";

const BLOCK_MS_MAX = 50_000;

export class Shell {
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #blocks = 0;
  #said = "";
  #isStuck = false;

  /** @param dir the shell's working directory, and the place of its own files. */
  constructor(dir: string, env: Readonly<Record<string, string | undefined>>) {
    this.#dir = dir;
    // Its own process group, so that its background processes can be killed with it.
    this.#child = spawn("sh", ["-e"], { cwd: dir, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    }
    this.#ended = once(this.#child, "close");
    process.on("exit", this.#kill);
  }

  /**
   * @returns the output of the commands on both streams.
   * @throws Error if one of them fails or does not end: then nothing can be run after it.
   */
  async run(commands: string): Promise<string> {
    if (this.#isStuck) throw new Error("what came before it was not done");
    this.#isStuck = true;
    const block = join(this.#dir, `block-${this.#blocks++}`);
    const done = `${block}.done`;
    writeFileSync(`${block}.sh`, commands);
    writeFileSync(done, "");
    this.#said = "";
    this.#child.stdin?.write(`{ . '${block}.sh'; } > '${block}.out' 2>&1\necho done > '${done}'\n`);
    const printed = () => readFileSync(`${block}.out`, "utf8");
    await until(
      "the shell has run it",
      () => readFileSync(done, "utf8") !== "" || this.#child.exitCode !== null,
      BLOCK_MS_MAX,
    ).catch((error: unknown) => {
      throw new Error(`not done:\n${commands}${printed()}${this.#said}`, { cause: error });
    });
    if (this.#child.exitCode !== null) {
      throw new Error(`exit code ${this.#child.exitCode}:\n${commands}${printed()}${this.#said}`);
    }
    this.#isStuck = false;
    return printed();
  }

  /** Kills the shell and everything that it has started. */
  async end(): Promise<void> {
    this.#kill();
    process.off("exit", this.#kill);
    await this.#ended;
  }

  readonly #kill = (): void => {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // All have ended.
    }
  };
}
