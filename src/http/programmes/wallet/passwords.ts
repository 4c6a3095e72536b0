/** Passwords are kept as argon2id, slow by design: made and compared beside the event loop. */
import { argon2, timingSafeEqual } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Random } from "../../idempotency.ts";
import { isText } from "../../input/fields.ts";
import { FairSlots } from "./fair-slots.ts";

/** What OWASP asks for at least: 19 MiB, twice, in one lane. */
const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** One thread less than the pool has that all of the process share. */
const SLOTS = 3;
/** Some 50 ms each, on a busy machine five times that: whoever came after so many would wait too long for an answer. */
const WAITING_MAX = 64;
const WAIT_MS_MAX = 5_000;

const STORED = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

const LENGTH_MIN = 8;
const LENGTH_MAX = 200;

/** Keyboards type one letter in several ways: NFC makes them one. */
function asKept(text: string): string {
  return text.normalize("NFC");
}

export const NewPassword = z
  .string()
  .transform(asKept)
  .refine(
    (text) => isText(text, LENGTH_MAX) && text.length >= LENGTH_MIN,
    `must be text of ${LENGTH_MIN} to ${LENGTH_MAX} characters`,
  )
  .openapi({
    type: "string",
    minLength: LENGTH_MIN,
    maxLength: LENGTH_MAX,
    example: "correct horse battery",
  });

/** Whatever was typed in: what is too short is wrong, and no more is said. */
export const TypedPassword = z
  .string()
  .transform(asKept)
  .refine((text) => text.length <= LENGTH_MAX, `must be text of at most ${LENGTH_MAX} characters`)
  .openapi({ type: "string", maxLength: LENGTH_MAX, example: "correct horse battery" });

export class Passwords {
  readonly #random: Random;
  readonly #slots = new FairSlots({ slots: SLOTS, waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX });
  /** Of nobody's password: what an unknown e-mail is compared with. */
  #nobodys: Promise<string> | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * The slow hash with its salt and parameters, as text in the PHC format.
   *
   * @param owner in whose turn it is made.
   * @throws OperatingError `overloaded`
   */
  async hash(password: string, owner: string): Promise<string> {
    const salt = Buffer.from(this.#random(SALT_BYTES));
    const parameters = { memory: MEMORY_KIB, passes: PASSES, parallelism: PARALLELISM };
    const made = await this.#slots.run(owner, () => derive(password, salt, parameters, HASH_BYTES));
    const costs = `m=${MEMORY_KIB},t=${PASSES},p=${PARALLELISM}`;
    return `$argon2id$v=19$${costs}$${base64(salt)}$${base64(made)}`;
  }

  /**
   * `stored` is `undefined` where there is no such user: that takes the same time.
   *
   * @param owner in whose turn it is compared.
   * @throws OperatingError `overloaded`
   */
  async isRight(password: string, stored: string | undefined, owner: string): Promise<boolean> {
    const compared = stored ?? (await this.#hashOfNobody());
    const [, memory, passes, parallelism, salt = "", hash = ""] = STORED.exec(compared) ?? [];
    const expected = Buffer.from(hash, "base64");
    if (expected.length === 0) throw new TypeError("a password is stored in a form that is not ours");
    const parameters = {
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    };
    const nonce = Buffer.from(salt, "base64");
    const made = await this.#slots.run(owner, () => derive(password, nonce, parameters, expected.length));
    return timingSafeEqual(made, expected) && stored !== undefined;
  }

  #hashOfNobody(): Promise<string> {
    const random = base64(Buffer.from(this.#random(HASH_BYTES)));
    this.#nobodys ??= this.hash(random, "").catch((error: unknown) => {
      this.#nobodys = undefined;
      throw error;
    });
    return this.#nobodys;
  }
}

function derive(
  password: string,
  nonce: Buffer,
  parameters: Readonly<{ memory: number; passes: number; parallelism: number }>,
  tagLength: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2("argon2id", { message: password, nonce, ...parameters, tagLength }, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
