/** How often somebody may show a wrong password, or sign up; counted for all gateways together. */
import { attempt, type Limited, RateLimit } from "../rate-limit.ts";
import type { WindowCounters } from "../window-counters.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Failures of one e-mail from one address; and of one user's own devices. */
const FAILURES_MAX = 10;
/** Of one e-mail from all addresses, and from one address with all e-mails: many people may share one. */
const FAILURES_OF_MANY_MAX = 100;
const SIGN_UPS_MAX = 500;

/** Whose password is tried, and by whom. */
export type Try = Readonly<{
  email: string;
  address: string;
  /** It comes with a session of that user: nobody else's failures keep it out, nor do its failures keep out others. */
  isKnown: boolean;
}>;

export class LoginLimits {
  readonly #ofBoth: RateLimit;
  readonly #ofEmail: RateLimit;
  readonly #ofAddress: RateLimit;
  readonly #ofKnown: RateLimit;
  readonly #signUps: RateLimit;

  constructor(counters: WindowCounters) {
    const rate = (name: string, limit: number, windowMs = MINUTE_MS) =>
      new RateLimit({ name, limit, windowMs, counters });
    this.#ofBoth = rate("login", FAILURES_MAX);
    this.#ofEmail = rate("login of e-mail", FAILURES_OF_MANY_MAX);
    this.#ofAddress = rate("login from address", FAILURES_OF_MANY_MAX);
    this.#ofKnown = rate("login of known device", FAILURES_MAX);
    this.#signUps = rate("sign-up", SIGN_UPS_MAX, HOUR_MS);
  }

  /** Counts the try if it fails. @throws Problem 429 */
  attempt<T>(tried: Try, make: () => Promise<T>, hasFailed: (result: T) => boolean): Promise<T> {
    return attempt(this.#limitsOf(tried), make, hasFailed);
  }

  /** @throws Problem 429 */
  signUp(address: string): void {
    this.#signUps.take(address);
  }

  #limitsOf({ email, address, isKnown }: Try): readonly Limited[] {
    if (isKnown) return [{ rate: this.#ofKnown, key: email }];
    return [
      { rate: this.#ofBoth, key: `${email}\0${address}` },
      { rate: this.#ofEmail, key: email },
      { rate: this.#ofAddress, key: address },
    ];
  }
}
