/** Limits the guessing of voucher codes, and answers about vouchers that only the archive has. */
import { askVoucher, INVALID_REASONS } from "../../../actors/programmes/vouchers/acts.ts";
import { codeOf } from "../../../actors/programmes/vouchers/codes.ts";
import type { ActAlone } from "../../../actors/records/command.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import type { Call } from "../../call.ts";
import { withoutTypography } from "../../input/typed-text.ts";
import { RateLimit } from "../../limits/rate-limit.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { findOldVoucher, type OldVoucher } from "./forgotten-vouchers.ts";

/** How many unknown codes one API key may send for one customer in a window. */
const UNKNOWN_MAX = 50;
const UNKNOWN_WINDOW_MS = 60_000;

/**
 * Limits unknown codes by API key and customer. A code that exists is never refused, so guesses cannot block a real
 * voucher. Beyond the limit an unknown code gets 429 instead of 404.
 */
export class GuessLimit {
  readonly #limit: RateLimit;

  constructor(counters: WindowCounters) {
    const window = { limit: UNKNOWN_MAX, windowMs: UNKNOWN_WINDOW_MS };
    this.#limit = new RateLimit({ name: "unknown voucher", ...window, counters });
  }

  /** The normalized code of the path. @param email of the customer; empty if not given. @throws Problem 404, 429 */
  codeOf(request: HttpRequest, call: Call, email = ""): string {
    return this.codeIn(request.param("code"), call, email);
  }

  /** The normalized code in a text. @throws Problem 404, 429 */
  codeIn(text: string, call: Call, email = ""): string {
    return codeOf(withoutTypography(text)) ?? this.unknown(call, email);
  }

  /** Counts an unknown code. @throws Problem 404, or 429 beyond the limit */
  unknown(call: Call, email = ""): never {
    this.#limit.take(limitKey(call, email));
    throw new Problem("voucher_not_found");
  }

  /**
   * Submits a command that names a code. It counts as a guess until its answer shows that the code exists, so concurrent
   * requests cannot pass the limit. Beyond the limit only commands with codes in memory reach the log.
   *
   * A voucher that is only in the archive is unknown to the shard, which logs `voucher_not_found`; the answer has what the
   * archive says instead. A replay gets the same: what the archive says of a code never changes, because its record
   * does not and the code is never issued again. The limit bounds how often unknown codes are looked up.
   *
   * @throws Problem 429
   */
  async submit(
    call: Call,
    email: string,
    ledger: Ledger,
    command: ActAlone,
    code: string,
  ): Promise<Answer<ActAlone>> {
    const giveBack = this.#limit.tryTake(limitKey(call, email));
    if (giveBack === undefined) {
      const known = await firstOrNew(ledger, command, { owner: command.act.subject }, async () => {
        if ((await ledger.ask(call.partner, askVoucher(email, code))) === null) this.unknown(call, email);
        return command;
      });
      const answer = await ledger.submit(known);
      return (await answerOfOld(ledger, command, answer)) ?? answer;
    }
    let isGuess = false;
    try {
      const answer = await ledger.submit(command);
      isGuess = isUnknownCode(answer);
      const old = await answerOfOld(ledger, command, answer);
      if (old !== undefined) isGuess = false;
      return old ?? answer;
    } finally {
      if (!isGuess) giveBack();
    }
  }

  /**
   * The archived voucher with this code. It counts as a guess if there is none.
   *
   * @param email of the customer; empty if not given. @throws Problem 404, 429
   */
  async old(call: Call, email: string, ledger: Ledger, code: string): Promise<OldVoucher> {
    const giveBack = this.#limit.take(limitKey(call, email));
    const old = await findOldVoucher(ledger, call.partner, code);
    if (old === undefined || (email !== "" && old.email !== email)) throw new Problem("voucher_not_found");
    giveBack();
    return old;
  }
}

/** The answer about a voucher that only the archive has; `undefined` if the shard's answer stands. */
export async function answerOfOld(
  ledger: Ledger,
  { partner, act }: ActAlone,
  answer: Answer<ActAlone>,
): Promise<Answer<ActAlone> | undefined> {
  if (!isNotFound(answer) || !("code" in act) || !("email" in act)) return undefined;
  const old = await findOldVoucher(ledger, partner, String(act.code));
  if (old === undefined || old.email !== act.email) return undefined;
  const rejection = act.act === "rollback" ? refusedRollback(old) : INVALID_REASONS[old.status];
  return { ...answer, outcome: { ok: false, code: rejection, subject: old.code } };
}

function refusedRollback({ usedAtMs }: OldVoucher) {
  return usedAtMs === null ? "not_redeemed" : "redemption_too_old";
}

/** Guesses are counted by API key and customer. */
function limitKey(call: Call, email: string): string {
  return `${keyIdOf(call)}\0${email}`;
}

type Decided = Exclude<Answer<ActAlone>, { refused: unknown }>;

function isNotFound(answer: Answer<ActAlone>): answer is Decided {
  return "outcome" in answer && !answer.outcome.ok && answer.outcome.code === "voucher_not_found";
}

/** A replayed answer reveals nothing new, so it is no guess. */
function isUnknownCode(answer: Answer<ActAlone>): boolean {
  return isNotFound(answer) && !answer.replayed;
}
