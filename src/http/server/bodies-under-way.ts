/** What a gateway holds of bodies that are not complete yet, or wait for their turn. */
import { Slots } from "../../bounds/slots.ts";
import { Problem } from "../problem.ts";

const FIRST_BYTES = 4 * 1024;
/** Pieces that any body may come in, and bytes that every further piece must have on average. */
const PIECES_MIN = 1024;
const PIECE_BYTES_MIN = 64;

/**
 * One body as it arrives, in one buffer that grows. To keep the pieces would cost an object for each, and with it all that was
 * read from the socket together with the piece.
 */
export class BodyUnderWay {
  readonly #bytesMax: number;
  readonly #refuse: (problem: Problem) => void;
  /** Its number among those under way, once it is one of them. */
  no: number | undefined;
  #buffer = Buffer.alloc(0);
  #pieces = 0;
  #size = 0;

  /** @param refuse is called at most once: no more will be taken. */
  constructor(bytesMax: number, refuse: (problem: Problem) => void) {
    this.#bytesMax = bytesMax;
    this.#refuse = refuse;
  }

  /** Bytes of memory that it takes. */
  get held(): number {
    return this.#buffer.length;
  }

  /** @throws Problem 413 for what is larger than it may be; 400 for what comes in too many pieces */
  add(piece: Buffer): void {
    const size = this.#size + piece.length;
    if (size > this.#bytesMax) throw tooLarge(this.#bytesMax);
    this.#pieces += 1;
    if (this.#pieces > PIECES_MIN + size / PIECE_BYTES_MIN)
      throw new Problem("validation_failed", "The body comes in too many small pieces.");
    if (size > this.#buffer.length) this.#grow(size);
    piece.copy(this.#buffer, this.#size);
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

/** Holds no more of all of them together than this many bytes: beyond that, the largest is refused. */
export class BodiesUnderWay {
  readonly #heldMax: number;
  readonly #bodies = new Slots<BodyUnderWay>();
  #held = 0;

  constructor(heldMax: number) {
    this.#heldMax = heldMax;
  }

  get held(): number {
    return this.#held;
  }

  /** @throws Problem 400, 413: the body is not taken further */
  add(body: BodyUnderWay, piece: Buffer): void {
    const before = body.held;
    body.add(piece);
    body.no ??= this.#bodies.add(body);
    this.#held += body.held - before;
    if (this.#held > this.#heldMax) this.#dropLargest();
  }

  /** It is complete, or nobody waits for it any more. */
  remove(body: BodyUnderWay): void {
    if (body.no !== undefined && this.#bodies.remove(body.no)) this.#held -= body.held;
  }

  #dropLargest(): void {
    let largest: BodyUnderWay | undefined;
    for (const body of this.#bodies.values()) if (body.held > (largest?.held ?? 0)) largest = body;
    if (largest === undefined) return;
    this.remove(largest);
    largest.drop(new Problem("overloaded", "Too many large bodies arrive at once."));
  }
}

/** Bodies that have come and wait. A partner may have as much here as is free, so that there is room for others. */
export class BodiesWaiting {
  readonly #bytesMax: number;
  readonly #byPartner = new Map<string, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns to be called once it waits no more. @throws Problem 503 */
  enter(partner: string, bytes: number): () => void {
    const there = this.#byPartner.get(partner) ?? 0;
    if (there + bytes > this.#bytesMax - this.#bytes)
      throw new Problem("overloaded", "Too many of your large bodies wait for their turn.");
    this.#add(partner, bytes);
    return () => this.#add(partner, -bytes);
  }

  #add(partner: string, bytes: number): void {
    this.#bytes += bytes;
    const there = (this.#byPartner.get(partner) ?? 0) + bytes;
    if (there === 0) this.#byPartner.delete(partner);
    else this.#byPartner.set(partner, there);
  }
}
