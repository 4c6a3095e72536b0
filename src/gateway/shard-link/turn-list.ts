/**
 * Members with waiting items, in round-robin order: deficit round robin (Shreedhar, Varghese: Efficient Fair
 * Queuing using Deficit Round-Robin, 1995).
 */
import { assert } from "../../errors/assert.ts";

/** The cost that a member may use before the next one is served. */
const QUANTUM = 64;

/** `firstCost`: cost of its next item. */
type Member<M> = { deficit: number; next: M | undefined; readonly firstCost: number };

export class TurnList<M extends Member<M>> {
  #first: M | undefined;
  #last: M | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** The member, if there is exactly one. */
  get only(): M | undefined {
    return this.#first === this.#last ? this.#first : undefined;
  }

  /** Adds a member that has just got its first waiting item. */
  add(member: M): void {
    member.deficit = 0;
    this.#append(member);
  }

  /** The member to serve next. It stays the same until its item is charged. */
  current(): M {
    for (;;) {
      const first = this.#first;
      assert(first !== undefined, "a member waits");
      if (first === this.#last || first.deficit >= first.firstCost) return first;
      first.deficit += QUANTUM;
      this.#first = first.next;
      this.#append(first);
    }
  }

  /** Charges `cost` to the current member, and removes it if nothing of it waits. */
  charge(cost: number, waits: boolean): void {
    const first = this.#first;
    assert(first !== undefined, "a member was served");
    // A single member is served without a deficit, so this must not fall below 0.
    first.deficit = Math.max(0, first.deficit - cost);
    if (waits) return;
    this.#first = first.next;
    first.next = undefined;
    if (this.#first === undefined) this.#last = undefined;
  }

  #append(member: M): void {
    member.next = undefined;
    if (this.#last === undefined || this.#first === undefined) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
  }
}
