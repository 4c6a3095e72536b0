/** Finds the members of one partner on one shard by the beginning of their name. Letter case does not count. */
import { SortedIndex } from "../sorted-index.ts";

/** Approximate size in memory of an entry, without the text. */
export const NAME_ENTRY_BYTES = 120;

type Named = Readonly<{ id: string; name: string | null }>;

export class MemberNames<M extends Named> {
  readonly #sorted = new SortedIndex<M>();

  add(member: M): void {
    if (member.name !== null) this.#sorted.add(placeOf(member.name, member.id), member);
  }

  remove({ id, name }: M): void {
    if (name !== null) this.#sorted.remove(placeOf(name, id));
  }

  /** @param after the place of the last member of the previous page; `null`: the first page. */
  page(
    prefix: string,
    limit: number,
    after: string | null,
  ): readonly (readonly [place: string, member: M])[] {
    const found: (readonly [string, M])[] = [];
    for (const each of this.#sorted.range(folded(prefix), after)) {
      found.push(each);
      if (found.length === limit) break;
    }
    return found;
  }
}

/** Members with the same name are in the order of their ids, which contain no NUL. */
function placeOf(name: string, id: string): string {
  return `${folded(name)}\0${id}`;
}

/** Names that differ only in letter case, or in how their characters are composed, are equal after this. */
function folded(name: string): string {
  return name.normalize("NFC").toLowerCase().normalize("NFC");
}
