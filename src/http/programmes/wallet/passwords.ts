/** Hashes and compares passwords with argon2id, on the thread pool of the process. */
import { argon2, timingSafeEqual } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Random } from "../../idempotency.ts";
import { isText } from "../../input/fields.ts";
import { FairSlots } from "./fair-slots.ts";

/** OWASP's minimum for argon2id: 19 MiB, 2 passes, 1 lane. */
const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** One thread less than the shared pool of the process has. */
const SLOTS = 3;
/** A hash takes some 50 ms, on a busy machine 250 ms; behind a longer queue a request would miss its deadline. */
const WAITING_MAX = 64;
const WAIT_MS_MAX = 5_000;

const STORED = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

const LENGTH_MIN = 8;
const LENGTH_MAX = 200;

/** NFC, because keyboards encode the same letter in different ways. */
function normalized(text: string): string {
  return text.normalize("NFC");
}

export const NewPassword = z
  .string()
  .transform(normalized)
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

/** A password to compare. It has no minimum length: a short one is just wrong. */
export const TypedPassword = z
  .string()
  .transform(normalized)
  .refine((text) => text.length <= LENGTH_MAX, `must be text of at most ${LENGTH_MAX} characters`)
  .openapi({ type: "string", maxLength: LENGTH_MAX, example: "correct horse battery" });

/** Hashes and compares passwords, fairly by owner. */
export class Passwords {
  readonly #random: Random;
  readonly #slots = new FairSlots({ slots: SLOTS, waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX });
  /** The hash that the password of an unknown e-mail is compared with. */
  #dummy: Promise<string> | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Hashes a password.
   *
   * @param owner whose queue the work waits in.
   * @returns hash, salt and parameters as text in the PHC format.
   * @throws OperatingError `overloaded`
   */
  async hash(password: string, owner: string): Promise<string> {
    const salt = Buffer.from(this.#random(SALT_BYTES));
    const parameters = { memory: MEMORY_KIB, passes: PASSES, parallelism: PARALLELISM };
    const derived = await this.#slots.run(owner, () => derive(password, salt, parameters, HASH_BYTES));
    const costs = `m=${MEMORY_KIB},t=${PASSES},p=${PARALLELISM}`;
    return `$argon2id$v=19$${costs}$${base64(salt)}$${base64(derived)}`;
  }

  /**
   * Whether the password is the stored one.
   *
   * @param stored `undefined` if the user does not exist; the comparison takes the same time.
   * @param owner whose queue the work waits in.
   * @throws OperatingError `overloaded`
   */
  async isRight(password: string, stored: string | undefined, owner: string): Promise<boolean> {
    const compared = stored ?? (await this.#dummyHash());
    const [, memory, passes, parallelism, salt = "", hash = ""] = STORED.exec(compared) ?? [];
    const expected = Buffer.from(hash, "base64");
    if (expected.length === 0) throw new TypeError("a stored password is not an argon2id hash in PHC format");
    const parameters = {
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    };
    const nonce = Buffer.from(salt, "base64");
    const derived = await this.#slots.run(owner, () => derive(password, nonce, parameters, expected.length));
    return timingSafeEqual(derived, expected) && stored !== undefined;
  }

  #dummyHash(): Promise<string> {
    const random = base64(Buffer.from(this.#random(HASH_BYTES)));
    this.#dummy ??= this.hash(random, "").catch((error: unknown) => {
      this.#dummy = undefined;
      throw error;
    });
    return this.#dummy;
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
