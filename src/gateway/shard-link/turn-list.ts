/**
 * Members that have something waiting, in the order of their turns: deficit round robin (Shreedhar, Varghese: Efficient Fair
 * Queuing using Deficit Round-Robin, 1995).
 */
import { assert } from "../../errors/assert.ts";

/** Cost that a member may have served before the next one has its turn. */
const QUANTUM = 64;

/** `firstCost`: of what it would have served next. */
type Member<M> = { deficit: number; next: M | undefined; readonly firstCost: number };

export class TurnList<M extends Member<M>> {
  #first: M | undefined;
  #last: M | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** The one that is there, if it is the only one. */
  get only(): M | undefined {
    return this.#first === this.#last ? this.#first : undefined;
  }

  /** One that has begun to wait. */
  add(member: M): void {
    member.deficit = 0;
    this.#append(member);
  }

  /** Whose turn it is to have its first item served. The same one until that is paid for. */
  due(): M {
    for (;;) {
      const first = this.#first;
      assert(first !== undefined, "somebody waits");
      if (first === this.#last || first.deficit >= first.firstCost) return first;
      first.deficit += QUANTUM;
      this.#first = first.next;
      this.#append(first);
    }
  }

  /** Takes what was served off the account of the one whose turn it is, and the one off the list if it waits no more. */
  paid(cost: number, waits: boolean): void {
    const first = this.#first;
    assert(first !== undefined, "somebody was served");
    // One that is alone is served on no account.
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
