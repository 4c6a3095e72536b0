/** Bounds the memory of bodies that are being received or wait to be processed. */
import { Slots } from "../../bounds/slots.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { Problem } from "../problem.ts";

const FIRST_BYTES = 4 * 1024;
/** Chunks allowed for any body, and bytes that each further chunk must have on average. */
const PIECES_MIN = 1024;
const PIECE_BYTES_MIN = 64;

/**
 * A body being received, in one growing buffer. A list of chunks would cost an object for each, and each would keep
 * the whole buffer of its socket read alive.
 */
export class IncomingBody {
  readonly #bytesMax: number;
  readonly #refuse: (problem: Problem) => void;
  /** Its slot number in `IncomingBodies`, once it is there. */
  slot: number | undefined;
  #buffer = Buffer.alloc(0);
  #pieces = 0;
  #size = 0;

  /** @param refuse called at most once, when the body is dropped. */
  constructor(bytesMax: number, refuse: (problem: Problem) => void) {
    this.#bytesMax = bytesMax;
    this.#refuse = refuse;
  }

  get held(): number {
    return this.#buffer.length;
  }

  /** @throws Problem 413: too large; 400: too many chunks */
  add(chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (size > this.#bytesMax) throw tooLarge(this.#bytesMax);
    this.#pieces += 1;
    if (this.#pieces > PIECES_MIN + size / PIECE_BYTES_MIN)
      throw new Problem("validation_failed", "The body arrives in too many small pieces.");
    if (size > this.#buffer.length) this.#grow(size);
    chunk.copy(this.#buffer, this.#size);
    this.#size = size;
  }

  whole(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  drop(problem: Problem): void {
    this.#buffer = Buffer.alloc(0);
    this.#refuse(problem);
  }

  #grow(size: number): void {
    const length = Math.min(this.#bytesMax, Math.max(size, 2 * this.held, FIRST_BYTES));
    const grown = Buffer.allocUnsafeSlow(length);
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
  }
}

export function tooLarge(bytesMax: number): Problem {
  return new Problem("body_too_large", `The body may have at most ${bytesMax} bytes.`);
}

/** All bodies being received. If together they exceed a bound in bytes, the largest is refused. */
export class IncomingBodies {
  readonly #heldMax: number;
  readonly #bodies = new Slots<IncomingBody>();
  #held = 0;

  constructor(heldMax: number) {
    this.#heldMax = heldMax;
  }

  get held(): number {
    return this.#held;
  }

  /** @throws Problem 400, 413: the body is refused */
  add(body: IncomingBody, chunk: Buffer): void {
    const before = body.held;
    body.add(chunk);
    body.slot ??= this.#bodies.add(body);
    this.#held += body.held - before;
    if (this.#held > this.#heldMax) this.#dropLargest();
  }

  remove(body: IncomingBody): void {
    if (body.slot !== undefined && this.#bodies.remove(body.slot)) this.#held -= body.held;
  }

  #dropLargest(): void {
    let largest: IncomingBody | undefined;
    for (const body of this.#bodies.values()) if (body.held > (largest?.held ?? 0)) largest = body;
    if (largest === undefined) return;
    this.remove(largest);
    largest.drop(new Problem("overloaded", "Too many large bodies are being received; retry."));
  }
}

/** Bodies that are complete and wait. A partner may use as many bytes as are free, so that some are left for others. */
export class WaitingBodies {
  readonly #bytesMax: number;
  readonly #byPartner = new Map<string, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns a function to call when the body no longer waits. @throws OperatingError `overloaded` */
  enter(partner: string, bytes: number): () => void {
    const partnerBytes = this.#byPartner.get(partner) ?? 0;
    if (partnerBytes + bytes > this.#bytesMax - this.#bytes)
      throw new OperatingError(
        "overloaded",
        "Too many of your large bodies are already waiting; send fewer at once.",
        { bound: "waiting_bodies" },
      );
    this.#add(partner, bytes);
    return () => this.#add(partner, -bytes);
  }

  #add(partner: string, bytes: number): void {
    this.#bytes += bytes;
    const partnerBytes = (this.#byPartner.get(partner) ?? 0) + bytes;
    if (partnerBytes === 0) this.#byPartner.delete(partner);
    else this.#byPartner.set(partner, partnerBytes);
  }
}
