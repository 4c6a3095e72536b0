/** A client: asks one thing after the other, and again with the same key until it knows. */
import type { Command, Transfer } from "../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../src/actors/records/compound-command.ts";
import type { Directory } from "../../src/gateway/directory.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import type { Random } from "../support/random.ts";
import type { ProgrammeWorkload } from "./programmes/programme-workload.ts";
import { type Question, Questions, question } from "./questions.ts";
import type { Heard, SimServer } from "./sim-server.ts";
import type { Surroundings } from "./surroundings.ts";
import { OPERATIONS, type Operation, type Swarm } from "./swarm.ts";
import { type Asked, nameOf, type Testimony } from "./testimony.ts";
import { NATURE } from "./virtual-clock.ts";
import { fingerprintOf, MAIN, OTHER, type Workload } from "./workload.ts";

type Batchable = Transfer | CompoundTransfer;
type Answer = Awaited<ReturnType<Gateway["submit"]>>;

/** After this at most it asks again, although its first request may still be answered. */
const PATIENCE_MS_MAX = 4_000;
const RETRY_MS_MAX = 600;
/** So many calls reach every gateway, as good as always. */
const TRIES_OF_KEY = 6;
/** Some of these are asked for in the very moment in which a pending transfer is over. */
const AT_THE_END: ReadonlySet<Operation> = new Set<Operation>(["post", "void", "read_transfer"]);

export type ClientWorld = Surroundings &
  Readonly<{
    swarm: Swarm;
    workload: Workload;
    testimony: Testimony;
    programmes: ProgrammeWorkload;
    /** One that is there, even if it is not well; absent while none is. Mostly, who writes knows the newest. */
    server: (isWriting: boolean) => SimServer | undefined;
    /** Takes one of the steps of this run; false when there are none left. */
    takeStep: () => boolean;
    /** No client begins anything; whoever waits for an answer still insists. */
    isHealing: () => boolean;
  }>;

export class Client {
  /** It has begun something, and does not know yet what came of it. */
  isWaiting = false;
  isDone = false;
  waitsFor = "";
  readonly #name: string;
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #questions: Questions;

  constructor(name: string, world: ClientWorld) {
    this.#name = name;
    this.#world = world;
    this.#random = world.random;
    this.#questions = new Questions(world.random, world.workload, world.testimony);
  }

  /** Goes on until there are no more steps. */
  begin(): void {
    const { clock, swarm, workload, timeOf } = this.#world;
    clock.after(NATURE, swarm.thinkMs * this.#random.fraction(), () => {
      if (!this.#world.takeStep()) {
        this.isDone = true;
        return;
      }
      const operation = this.#world.programmes.isNext ? "member" : this.#draw();
      this.#world.count(`op ${operation}`);
      const partner = this.#random.chance(0.9) ? MAIN : OTHER;
      const isAboutEnds = AT_THE_END.has(operation) && this.#random.chance(0.5);
      const waitMs = isAboutEnds ? workload.waitMs(partner, timeOf) : 0;
      this.isWaiting = true;
      clock.after(NATURE, waitMs, () =>
        this.#do(operation, partner, () => {
          this.isWaiting = false;
          this.begin();
        }),
      );
    });
  }

  /** Asks until it is answered. */
  insist(asked: Asked, done: () => void): void {
    let isOver = false;
    const tryAgain = () => {
      if (!isOver) this.#world.clock.after(NATURE, RETRY_MS_MAX * this.#random.fraction(), attempt);
    };
    const attempt = () => {
      if (isOver) return;
      if (this.#givesUp(asked)) {
        isOver = true;
        done();
        return;
      }
      this.#submit(asked, (isAnswered) => {
        if (isOver) return;
        if (!isAnswered) tryAgain();
        else {
          isOver = true;
          done();
        }
      });
    };
    attempt();
    // Two at once.
    if (this.#random.chance(0.05)) attempt();
  }

  #do(operation: Operation, partner: string, done: () => void): void {
    const { workload, testimony } = this.#world;
    switch (operation) {
      case "batch":
        this.#batch(partner, done);
        return;
      case "dry_run":
        this.#once(this.#questions.dryRun(partner), done);
        return;
      case "repeat": {
        const asked = this.#answered();
        if (asked === undefined) done();
        else this.insist(asked, done);
        return;
      }
      case "altered":
        this.#alter(done);
        return;
      case "unkeyed": {
        const command = workload.command(operation, partner, null);
        const hear = (answer: Answer) => void testimony.hear(undefined, command, answer);
        this.#once(
          question(nameOf(command), (gateway) => gateway.submit(command), hear),
          done,
        );
        return;
      }
      case "read":
      case "reads":
      case "read_transfer":
      case "read_system":
      case "cut":
      case "trial":
        this.#once(this.#questions.reading(operation, partner), done);
        return;
      case "member":
        this.#world.programmes.act({
          partner,
          nowMs: this.#world.timeOf(0),
          newKey: () => workload.newKey(),
          insist: (command, then) => {
            const asked = testimony.ask(command);
            this.insist(asked, () => then(asked));
          },
          ask: (asked, then) => this.#once(asked, then),
          done,
        });
        return;
      case "make_key":
        this.insist(
          testimony.ask(testimony.apiKeys.make(workload.newKey("a")) as Command & { key: string }),
          done,
        );
        return;
      case "revoke_key": {
        const command = testimony.apiKeys.revoke(workload.newKey("a"));
        if (command === undefined) done();
        else
          this.insist(testimony.ask(command as Command & { key: string }), () =>
            this.#tryRevoked(command, done),
          );
        return;
      }
      case "use_key":
        this.#once(testimony.apiKeys.use(), done);
        return;
      case "foreign":
        this.#once(this.#questions.snooping(), done);
        return;
      default: {
        const command = workload.command(operation, partner, workload.newKey());
        this.insist(testimony.ask(command as Command & { key: string }), () =>
          this.#once(this.#random.chance(0.2) ? this.#questions.afterwards(command) : undefined, done),
        );
      }
    }
  }

  /** Whoever has revoked a key may try at once, everywhere, whether it is refused. */
  #tryRevoked(command: Command, done: () => void): void {
    const { apiKeys } = this.#world.testimony;
    if (command.op === "revoke_key")
      for (let tries = 0; tries < TRIES_OF_KEY; tries++) this.#once(apiKeys.use(command.keyId), () => {});
    done();
  }

  /** One attempt; `heard` is told whether it has an answer, or has waited long enough. */
  #submit(asked: Asked, heard: (isAnswered: boolean) => void): void {
    const { command } = asked;
    const what = nameOf(command);
    this.waitsFor = what;
    let isHeard = false;
    asked.unknown += 1;
    const hear = (isAnswered: boolean) => {
      if (!isHeard) heard(isAnswered);
      isHeard = true;
    };
    this.#call(
      what,
      true,
      (gateway) => submitTo(gateway, command),
      (answer) => {
        if (answer.kind === "answer") hear(this.#world.testimony.hear(asked, command, answer.value));
        else {
          if (isCertain(answer)) asked.unknown -= 1;
          hear(false);
        }
      },
    );
    this.#world.clock.after(NATURE, this.#patienceMs(), () => hear(false));
  }

  /** Some callers never come back to find out. */
  #givesUp(asked: Asked): boolean {
    if (asked.item !== undefined) return false;
    asked.isGivenUp ||= !this.#world.isHealing() && this.#random.chance(this.#world.swarm.givesUp);
    return asked.isGivenUp;
  }

  #batch(partner: string, done: () => void): void {
    const { workload } = this.#world;
    const kinds = ["transfer", "cross", "cross", "compound", "pending", "system"] as const;
    const items = Array.from({ length: 2 + this.#random.below(5) }, () => {
      const command = workload.command(this.#random.oneOf(kinds), partner, workload.newKey("b"));
      return command as Batchable;
    });
    this.insistOnAll(items, done);
  }

  /** Asks for all in one batch until each has its answer. */
  insistOnAll(commands: readonly Batchable[], done: () => void): void {
    const { testimony } = this.#world;
    const items = commands.map((command) => testimony.ask(command as Command & { key: string }));
    let left: readonly Asked[] = items;
    const attempt = () => {
      let isHeard = false;
      const again = () => {
        if (isHeard) return;
        isHeard = true;
        if (left.length === 0) {
          const { command } = this.#random.oneOf(items);
          this.#once(this.#random.chance(0.5) ? this.#questions.afterwards(command) : undefined, done);
        } else this.#world.clock.after(NATURE, RETRY_MS_MAX * this.#random.fraction(), attempt);
      };
      const asked = left;
      for (const item of asked) item.unknown += 1;
      const transfers = asked.map(({ command }) => command as Batchable);
      this.#call(
        `a batch of ${asked.length}`,
        true,
        (gateway) => gateway.submitTransfers(transfers),
        (answer) => {
          if (isCertain(answer)) for (const item of asked) item.unknown -= 1;
          if (answer.kind === "answer") {
            const answers = answer.value.items;
            for (const item of asked) item.unknown -= 1;
            const open = asked.filter((item, i) => !testimony.hearItem(item, answers[i] ?? { code: "" }));
            left = left.filter((item) => open.includes(item));
          }
          again();
        },
      );
      this.#world.clock.after(NATURE, this.#patienceMs(), again);
    };
    attempt();
  }

  /** A key that was answered, with another body. */
  #alter(done: () => void): void {
    const { testimony } = this.#world;
    const asked = this.#answered();
    if (asked === undefined) {
      done();
      return;
    }
    const command = { ...asked.command, fingerprint: fingerprintOf(`${asked.key} altered`) };
    const hear = (answer: Answer) => testimony.hearAltered(asked, answer);
    this.#once(
      question(`${nameOf(command)}, altered`, (gateway) => submitTo(gateway, command), hear),
      done,
    );
  }

  /** Asks once, if there is anything to ask, and hears what there is to hear. */
  #once(asked: Question | undefined, done: () => void): void {
    let isDone = asked === undefined;
    const end = () => {
      if (!isDone) done();
      isDone = true;
    };
    if (asked === undefined) {
      done();
      return;
    }
    const { what, ask } = asked;
    this.waitsFor = what;
    this.#call(what, false, ask, (heard) => {
      if (heard.kind === "answer") heard.value.hear();
      end();
    });
    this.#world.clock.after(NATURE, this.#patienceMs(), end);
  }

  #call<T>(
    what: string,
    isWriting: boolean,
    ask: (gateway: Gateway, directory: Directory) => Promise<T>,
    hear: (heard: Heard<T>) => void,
  ): void {
    const { trace, clock, server } = this.#world;
    const there = server(isWriting);
    trace(`${this.#name} asks ${there?.instance ?? "nobody"}: ${what}`);
    if (there === undefined) {
      clock.after(NATURE, 1, () => hear({ kind: "lost" }));
      return;
    }
    there.call(ask, (heard) => {
      trace(`${this.#name} hears of ${what}: ${textOf(heard)}`);
      hear(heard);
    });
  }

  #patienceMs(): number {
    return 200 + PATIENCE_MS_MAX * this.#random.fraction() ** 2;
  }

  #answered(): Asked | undefined {
    const { asked } = this.#world.testimony;
    const done = [...asked.values()]
      .slice(-40)
      .filter(({ item, key }) => item !== undefined && !key.startsWith("b"));
    return done.length === 0 ? undefined : this.#random.oneOf(done);
  }

  #draw(): Operation {
    const { weights } = this.#world.swarm;
    const sum = OPERATIONS.reduce((total, operation) => total + weights[operation], 0);
    let dice = this.#random.fraction() * sum;
    for (const operation of OPERATIONS) {
      dice -= weights[operation];
      if (dice < 0) return operation;
    }
    return "cross";
  }
}

function submitTo(gateway: Gateway, command: Command): ReturnType<Gateway["submit"]> {
  if (command.op !== "revert_transfer") return gateway.submit(command);
  const { partner, key, fingerprint, id } = command;
  return gateway.revert({ partner, key, fingerprint, id });
}

/** It was certainly not done, and will not be. */
function isCertain(heard: Heard<unknown>): boolean {
  return heard.kind === "error" && (heard.code === "overloaded" || heard.code === "log_unavailable");
}

function textOf(heard: Heard<unknown>): string {
  if (heard.kind === "error") return heard.code;
  if (heard.kind === "lost") return "the connection is lost";
  return (
    JSON.stringify(heard.value, (_, value) => (typeof value === "bigint" ? `${value}` : value)) ?? "nothing"
  );
}
