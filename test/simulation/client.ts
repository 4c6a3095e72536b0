/** A client: sends one request after the other, and retries each with the same key until it has an answer. */
import { isWalletAct } from "../../src/actors/programmes/wallet/acts.ts";
import type { Command, Transfer } from "../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../src/actors/records/compound-command.ts";
import type { Directory } from "../../src/gateway/directory.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import type { Random } from "../support/random.ts";
import { type Asked, type ClientHistory, nameOf } from "./client-history.ts";
import type { ProgrammeWorkload } from "./programmes/programme-workload.ts";
import { type Question, Questions, question } from "./questions.ts";
import type { SimContext } from "./sim-context.ts";
import type { CallResult, SimServer } from "./sim-server.ts";
import { OPERATIONS, type Operation, type Swarm } from "./swarm.ts";
import { ENVIRONMENT } from "./virtual-clock.ts";
import { fingerprintOf, MAIN, OTHER, type Workload } from "./workload.ts";

type Batchable = Transfer | CompoundTransfer;
type Answer = Awaited<ReturnType<Gateway["submit"]>>;

/** The longest time until a retry, although the first attempt may still be answered. */
const ATTEMPT_MS_MAX = 4_000;
const RETRY_MS_MAX = 600;
/** Enough calls to reach every gateway almost always. */
const TRIES_OF_KEY = 6;
/** Operations that are sometimes sent at the very moment of a pending transfer's expiry. */
const AT_EXPIRY: ReadonlySet<Operation> = new Set<Operation>(["post", "void", "read_transfer"]);

export type ClientWorld = SimContext &
  Readonly<{
    swarm: Swarm;
    workload: Workload;
    history: ClientHistory;
    programmes: ProgrammeWorkload;
    /** A server that exists, healthy or not; `undefined` if there is none. Writers mostly get the newest one. */
    server: (isWriting: boolean) => SimServer | undefined;
    /** Takes one of the steps of this run; false if none is left. */
    takeStep: () => boolean;
    /** Whether faults are over: clients start nothing new, but retry what is unanswered. */
    isHealing: () => boolean;
  }>;

export class Client {
  /** A request is unanswered. */
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
    this.#questions = new Questions(world.random, world.workload, world.history);
  }

  /** Sends requests until no steps are left. */
  begin(): void {
    const { clock, swarm, workload, timeOf } = this.#world;
    clock.after(ENVIRONMENT, swarm.thinkMs * this.#random.fraction(), () => {
      if (!this.#world.takeStep()) {
        this.isDone = true;
        return;
      }
      const operation = this.#world.programmes.isNext ? "member" : this.#draw();
      this.#world.count(`op ${operation}`);
      const partner = this.#random.chance(0.9) ? MAIN : OTHER;
      const isAtExpiry = AT_EXPIRY.has(operation) && this.#random.chance(0.5);
      const waitMs = isAtExpiry ? workload.waitMs(partner, timeOf) : 0;
      this.isWaiting = true;
      clock.after(ENVIRONMENT, waitMs, () =>
        this.#do(operation, partner, () => {
          this.isWaiting = false;
          this.begin();
        }),
      );
    });
  }

  /** Retries until the request is answered, or the client gives up. */
  retryUntilAnswered(asked: Asked, done: () => void): void {
    let isOver = false;
    const tryAgain = () => {
      if (!isOver) this.#world.clock.after(ENVIRONMENT, RETRY_MS_MAX * this.#random.fraction(), attempt);
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
    // Sometimes two attempts run at once.
    if (this.#random.chance(0.05)) attempt();
  }

  #do(operation: Operation, partner: string, done: () => void): void {
    const { workload, history } = this.#world;
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
        else this.retryUntilAnswered(asked, done);
        return;
      }
      case "altered":
        this.#alter(done);
        return;
      case "unkeyed": {
        const command = workload.command(operation, partner, null);
        const record = (answer: Answer) => void history.recordAnswer(undefined, command, answer);
        this.#once(
          question(nameOf(command), (gateway) => gateway.submit(command), record),
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
            const asked = history.ask(command);
            this.retryUntilAnswered(asked, () => then(asked));
          },
          ask: (asked, then) => this.#once(asked, then),
          done,
        });
        return;
      case "make_key":
        this.retryUntilAnswered(
          history.ask(history.apiKeys.make(workload.newKey("a")) as Command & { key: string }),
          done,
        );
        return;
      case "revoke_key": {
        const command = history.apiKeys.revoke(workload.newKey("a"));
        if (command === undefined) done();
        else
          this.retryUntilAnswered(history.ask(command as Command & { key: string }), () =>
            this.#tryRevoked(command, done),
          );
        return;
      }
      case "use_key":
        this.#once(history.apiKeys.use(), done);
        return;
      case "foreign":
        this.#once(this.#questions.snooping(), done);
        return;
      default: {
        const command = workload.command(operation, partner, workload.newKey());
        this.retryUntilAnswered(history.ask(command as Command & { key: string }), () =>
          this.#once(this.#random.chance(0.2) ? this.#questions.afterwards(command) : undefined, done),
        );
      }
    }
  }

  /** Calls several gateways with a key just revoked: all must refuse it. */
  #tryRevoked(command: Command, done: () => void): void {
    const { apiKeys } = this.#world.history;
    if (command.op === "revoke_key")
      for (let tries = 0; tries < TRIES_OF_KEY; tries++) this.#once(apiKeys.use(command.keyId), () => {});
    done();
  }

  /** One attempt. Calls `onEnd` once: with an answer, after an error, or after the attempt's time limit. */
  #submit(asked: Asked, onEnd: (isAnswered: boolean) => void): void {
    const { command } = asked;
    const what = nameOf(command);
    this.waitsFor = what;
    let hasEnded = false;
    asked.unknown += 1;
    const end = (isAnswered: boolean) => {
      if (!hasEnded) onEnd(isAnswered);
      hasEnded = true;
    };
    this.#call(
      what,
      true,
      (gateway) => submitTo(gateway, command),
      (answer) => {
        if (answer.kind === "answer") end(this.#world.history.recordAnswer(asked, command, answer.value));
        else {
          if (isCertain(answer)) asked.unknown -= 1;
          end(false);
        }
      },
    );
    this.#world.clock.after(ENVIRONMENT, this.#attemptMs(), () => end(false));
  }

  /** Some clients never retry. */
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
    this.retryBatchUntilAnswered(items, done);
  }

  /** Sends all commands in one batch, and retries until each has its answer. */
  retryBatchUntilAnswered(commands: readonly Batchable[], done: () => void): void {
    const { history } = this.#world;
    const items = commands.map((command) => history.ask(command as Command & { key: string }));
    let unanswered: readonly Asked[] = items;
    const attempt = () => {
      let hasEnded = false;
      const next = () => {
        if (hasEnded) return;
        hasEnded = true;
        if (unanswered.length === 0) {
          const { command } = this.#random.oneOf(items);
          this.#once(this.#random.chance(0.5) ? this.#questions.afterwards(command) : undefined, done);
        } else this.#world.clock.after(ENVIRONMENT, RETRY_MS_MAX * this.#random.fraction(), attempt);
      };
      const asked = unanswered;
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
            const open = asked.filter((item, i) => !history.recordItem(item, answers[i] ?? { code: "" }));
            unanswered = unanswered.filter((item) => open.includes(item));
          }
          next();
        },
      );
      this.#world.clock.after(ENVIRONMENT, this.#attemptMs(), next);
    };
    attempt();
  }

  /** Sends another body with a key that was answered. */
  #alter(done: () => void): void {
    const { history } = this.#world;
    const asked = this.#answered();
    if (asked === undefined) {
      done();
      return;
    }
    const command = { ...asked.command, fingerprint: fingerprintOf(`${asked.key} altered`) };
    const record = (answer: Answer) => history.recordAltered(asked, answer);
    this.#once(
      question(`${nameOf(command)}, altered`, (gateway) => submitTo(gateway, command), record),
      done,
    );
  }

  /** Sends a request once, if there is one. Its answer is recorded even if it comes late. */
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
    this.#call(what, false, ask, (result) => {
      if (result.kind === "answer") result.value.record();
      end();
    });
    this.#world.clock.after(ENVIRONMENT, this.#attemptMs(), end);
  }

  #call<T>(
    what: string,
    isWriting: boolean,
    ask: (gateway: Gateway, directory: Directory) => Promise<T>,
    onResult: (result: CallResult<T>) => void,
  ): void {
    const { trace, clock, server } = this.#world;
    const target = server(isWriting);
    trace(`${this.#name} asks ${target?.instance ?? "no server"}: ${what}`);
    if (target === undefined) {
      clock.after(ENVIRONMENT, 1, () => onResult({ kind: "lost" }));
      return;
    }
    target.call(ask, (result) => {
      trace(`${this.#name} gets for ${what}: ${textOf(result)}`);
      onResult(result);
    });
  }

  #attemptMs(): number {
    return 200 + ATTEMPT_MS_MAX * this.#random.fraction() ** 2;
  }

  #answered(): Asked | undefined {
    const { asked } = this.#world.history;
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
  const { act } = command;
  // As the route does: a revert of a wallet's transfer says why.
  const terms = act !== undefined && isWalletAct(act) && act.act === "take_back" ? act : undefined;
  return gateway.revert({ partner, key, fingerprint, id, ...(terms && { terms, memo: terms.reason }) });
}

/** Whether the request was certainly not executed, and will not be. */
function isCertain(result: CallResult<unknown>): boolean {
  return result.kind === "error" && (result.code === "overloaded" || result.code === "log_unavailable");
}

function textOf(result: CallResult<unknown>): string {
  if (result.kind === "error") return result.code;
  if (result.kind === "lost") return "the connection is lost";
  return (
    JSON.stringify(result.value, (_, value) => (typeof value === "bigint" ? `${value}` : value)) ?? "nothing"
  );
}
