/** Compares segments with a plain model under random acts; and checks the properties of percentages. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  addUsers,
  changeUser,
  createSegment,
  createUser,
  deleteSegment,
  lowerPercent,
  type MembershipExpiry,
  type RemovedUsers,
  raisePercent,
  removeUsers,
  type UserChange,
  userSubject,
} from "../../../src/actors/programmes/segments/acts.ts";
import { drawPosition, lanesOf, SPAN, shareOf } from "../../../src/actors/programmes/segments/draw.ts";
import { runs } from "../../actors/ledger/property-runs.ts";
import { PARTNER, World } from "./segments-world.ts";

type Membership = { source: "manual" | "auto"; endsAtMs: number };

/** Users and their memberships (manual or selected), and the users removed by hand. */
class Model {
  readonly users = new Map<string, Map<string, Membership>>();
  readonly segments = new Map<string, { percent: number; chosen: Set<string>; out: Set<string> }>();

  holders(slug: string, nowMs: number): string[] {
    return [...this.users].filter(([, held]) => (held.get(slug)?.endsAtMs ?? 0) > nowMs).map(([id]) => id);
  }

  /** Creates the user if it is new, with the segments that select it. */
  user(id: string): Map<string, Membership> {
    const known = this.users.get(id);
    if (known !== undefined) return known;
    const held = new Map<string, Membership>();
    for (const [slug, { percent, chosen }] of this.segments) {
      if (drawPosition(lanesOf(slug), lanesOf(id)) >= (percent / 100) * SPAN) continue;
      chosen.add(id);
      held.set(slug, { source: "auto", endsAtMs: Number.POSITIVE_INFINITY });
    }
    this.users.set(id, held);
    return held;
  }

  add(id: string, slug: string, endsAtMs: number, nowMs: number): boolean {
    const held = this.user(id);
    const before = held.get(slug);
    if (before !== undefined && before.endsAtMs > nowMs) {
      if (endsAtMs > before.endsAtMs) before.endsAtMs = endsAtMs;
      return false;
    }
    held.set(slug, { source: "manual", endsAtMs });
    this.segments.get(slug)?.out.delete(id);
    return true;
  }

  remove(id: string, slug: string, nowMs: number): boolean {
    const held = this.user(id);
    const was = (held.get(slug)?.endsAtMs ?? 0) > nowMs;
    held.delete(slug);
    if (was) this.segments.get(slug)?.out.add(id);
    return was;
  }

  /** Selects users that were not selected before, by ascending draw position, until the share is complete. */
  draw(slug: string, percent: number): void {
    const segment = this.segments.get(slug);
    if (segment === undefined) return;
    const { chosen, out } = segment;
    const place = (id: string) => drawPosition(lanesOf(slug), lanesOf(id));
    const rest = [...this.users.keys()]
      .filter((id) => !chosen.has(id))
      .toSorted((a, b) => place(a) - place(b));
    const wanted = Math.max(0, shareOf(this.users.size, percent) - chosen.size);
    for (const id of rest.slice(0, wanted)) {
      chosen.add(id);
      if (out.has(id)) continue;
      const held = this.user(id);
      const before = held.get(slug);
      if (before?.endsAtMs !== Number.POSITIVE_INFINITY)
        held.set(slug, { source: "auto", endsAtMs: Number.POSITIVE_INFINITY });
    }
    segment.percent = percent;
  }

  /** Leaves the share of those who were selected, by ascending draw position. Members by hand stay. */
  lower(slug: string, percent: number): void {
    const segment = this.segments.get(slug);
    if (segment === undefined) return;
    const place = (id: string) => drawPosition(lanesOf(slug), lanesOf(id));
    const ordered = [...segment.chosen].toSorted((a, b) => place(a) - place(b));
    for (const id of ordered.slice(shareOf(this.users.size, percent))) {
      segment.chosen.delete(id);
      if (this.user(id).get(slug)?.source === "auto") this.user(id).delete(slug);
    }
    segment.percent = percent;
  }
}

const slug = fc.constantFrom("AAA", "BBB", "CCC");
const user = fc.integer({ min: 0, max: 11 }).map((n) => `u${n}`);
const until = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 60 }));
const percent = fc.integer({ min: 1, max: 100 });

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("create" as const), slug, percent: fc.option(percent) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("percent" as const), slug, percent }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("remove many" as const),
      slug,
      users: fc.array(user, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), slug }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("user" as const), user }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      user,
      add: fc.array(fc.tuple(slug, until), { maxLength: 3 }),
      remove: fc.array(slug, { maxLength: 2 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("bulk" as const),
      slug,
      users: fc.array(user, { minLength: 1, maxLength: 6 }),
      until,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 40 }),
      ends: fc.boolean(),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function untilOf(ms: number | null): MembershipExpiry {
  return ms === null ? null : ["after", ms];
}

async function take(world: World, model: Model, action: Step): Promise<void> {
  // Each act is decided one millisecond after the previous one. Some find expired memberships whose expiry is not logged yet.
  const nowMs = world.nowMs + 1;
  const endOf = (ms: number | null) => (ms === null ? Number.POSITIVE_INFINITY : nowMs + ms);
  switch (action.do) {
    case "create": {
      const { slug: name, percent: share } = action;
      const draw = share === null ? null : await world.draw(name, share);
      const effect = world.submit(createSegment(name, draw));
      if (model.segments.has(name)) {
        expect(effect).toBe("segment_exists");
        return;
      }
      model.segments.set(name, { percent: 0, chosen: new Set(), out: new Set() });
      if (share !== null) model.draw(name, share);
      world.finishJobs();
      return;
    }
    case "percent": {
      const { slug: name, percent: share } = action;
      const [{ generation = 0, percent: from = null } = {}] = world.segment(name).map((part) => part ?? {});
      const draw = await world.draw(name, share);
      const isLower = share < (from ?? 0);
      const change = isLower
        ? lowerPercent(name, generation, draw, from)
        : raisePercent(name, generation, draw, from);
      const effect = world.submit(change);
      const known = model.segments.get(name);
      if (known === undefined) expect(effect).toBe("segment_not_found");
      else if (isLower) model.lower(name, share);
      else if (share > known.percent) model.draw(name, share);
      world.finishJobs();
      return;
    }
    case "remove many": {
      const byVnode = Map.groupBy(new Set(action.users), (id) => vnodeOfAccount(PARTNER, userSubject(id)));
      for (const [vnode, ids] of byVnode) {
        const atMs = world.nowMs + 1;
        const effect = world.submit(removeUsers(action.slug, ids, vnode));
        if (!model.segments.has(action.slug)) expect(effect).toBe("segment_not_found");
        else {
          const gone = ids.filter((id) => model.users.has(id) && model.remove(id, action.slug, atMs));
          expect((effect as unknown as RemovedUsers).removed).toEqual(gone);
        }
      }
      return;
    }
    case "delete": {
      const effect = world.submit(deleteSegment(action.slug));
      if (!model.segments.delete(action.slug)) expect(effect).toBe("segment_not_found");
      for (const held of model.users.values()) held.delete(action.slug);
      return;
    }
    case "user": {
      const effect = world.submit(createUser(action.user));
      if (model.users.has(action.user)) expect(effect).toBe("user_exists");
      model.user(action.user);
      return;
    }
    case "change": {
      const add = action.add.map(([name, ms]) => [name, untilOf(ms)] as const);
      const effect = world.submit(changeUser(action.user, { add, remove: action.remove }));
      const named = [...action.add.map(([name]) => name), ...action.remove];
      if (!named.every((name) => model.segments.has(name))) {
        expect(effect).toBe("segment_not_found");
        return;
      }
      model.user(action.user);
      const added = action.add.filter(([name, ms]) => model.add(action.user, name, endOf(ms), nowMs));
      const removed = action.remove.filter((name) => model.remove(action.user, name, nowMs));
      expect((effect as unknown as UserChange).added).toHaveLength(added.length);
      expect((effect as unknown as UserChange).removed).toEqual(removed);
      return;
    }
    case "bulk": {
      const byVnode = Map.groupBy(new Set(action.users), (id) => vnodeOfAccount(PARTNER, userSubject(id)));
      for (const [vnode, ids] of byVnode) {
        const atMs = world.nowMs + 1;
        const endsAtMs = action.until === null ? Number.POSITIVE_INFINITY : atMs + action.until;
        const effect = world.submit(addUsers(action.slug, ids, untilOf(action.until), vnode));
        if (!model.segments.has(action.slug)) expect(effect).toBe("segment_not_found");
        else for (const id of ids) model.add(id, action.slug, endsAtMs, atMs);
      }
      return;
    }
    case "wait":
      world.nowMs += action.ms;
      if (action.ends) world.endDue();
  }
}

function compare(world: World, model: Model): void {
  for (let n = 0; n < 12; n++) {
    const id = `u${n}`;
    const expected = [...(model.users.get(id) ?? [])]
      .filter(([, { endsAtMs }]) => endsAtMs > world.nowMs)
      .map(([name, { source, endsAtMs }]) => `${name} ${source} ${endsAtMs}`);
    const shown = world
      .memberships(id)
      .map(({ slug: name, source, endsAtMs }) => `${name} ${source} ${endsAtMs ?? Number.POSITIVE_INFINITY}`);
    expect(shown.toSorted()).toEqual(expected.toSorted());
  }
  for (const name of ["AAA", "BBB", "CCC"]) {
    const parts = world.segment(name);
    if (!model.segments.has(name)) expect(parts).toEqual([null, null]);
    else if (parts.every((part) => part?.isCurrent)) {
      const members = parts.reduce((sum, part) => sum + (part?.members ?? 0), 0);
      expect(members).toBe(model.holders(name, world.nowMs).length);
    }
  }
}

/** Entries and exits alternate for each user, and the final members are those of the model. */
function compareHistory(world: World, model: Model): void {
  const inside = new Set<string>();
  for (const { user: id, slug: name, operation } of world.rows()) {
    const membership = `${id} ${name}`;
    expect(inside.has(membership), `${membership} ${operation}`).toBe(operation === "D");
    if (operation === "I") inside.add(membership);
    else inside.delete(membership);
  }
  const held = [...model.segments.keys()].flatMap((name) =>
    model.holders(name, world.nowMs).map((id) => `${id} ${name}`),
  );
  expect([...inside].toSorted()).toEqual(held.toSorted());
}

test("users have the memberships of a plain model, also after a restart from a snapshot or the log", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const world = new World();
      const model = new Model();
      for (const each of steps) {
        await take(world, model, each);
        compare(world, model);
        expect(world.restored()).toEqual(world.items());
      }
      world.finishJobs();
      compare(world, model);
      compareHistory(world, model);
      expect(world.replayed()).toEqual(world.items());
      expect(world.restored()).toEqual(world.items());
    }),
    { numRuns: runs(100) },
  );
});

const ids = Array.from({ length: 30_000 }, (_, i) => `user-${i}`);

function firstTenth(name: string): Set<string> {
  const lanes = lanesOf(name);
  return new Set(ids.filter((id) => drawPosition(lanes, lanesOf(id)) < SPAN / 10));
}

describe("a percentage", () => {
  test("selects its share of any ids, independently for each segment", () => {
    const segments = ["DISCOUNT_30", "DISCOUNT_31", "VOICE", "AAA", "AAB"].map(firstTenth);
    for (const [i, chosen] of segments.entries()) {
      // Within four standard deviations of the expectation.
      expect(Math.abs(chosen.size - 3_000)).toBeLessThan(4 * Math.sqrt(30_000 * 0.09));
      for (const another of segments.slice(i + 1)) {
        const both = [...chosen].filter((id) => another.has(id)).length;
        expect(Math.abs(both - 300)).toBeLessThan(4 * Math.sqrt(30_000 * 0.0099));
      }
    }
  });

  test("does not select a user again who was selected once and has left", async () => {
    const world = new World();
    for (const id of ["u0", "u1"]) world.submit(createUser(id));
    world.submit(createSegment("AAA", await world.draw("AAA", 50)));
    world.finishJobs();
    const [chosen = ""] = ["u0", "u1"].filter((id) => world.memberships(id).length > 0);
    world.submit(changeUser(chosen, { add: [], remove: ["AAA"] }));
    world.submit(changeUser(chosen, { add: [["AAA", ["after", 5]]], remove: [] }));
    world.nowMs += 10;
    world.endDue();
    world.submit(raisePercent("AAA", 1, await world.draw("AAA", 100)));
    world.finishJobs();
    expect(["u0", "u1"].filter((id) => world.memberships(id).length > 0)).toEqual([
      chosen === "u0" ? "u1" : "u0",
    ]);
  });

  test("is filled, and a deleted segment swept, in portions that come to an end", async () => {
    const world = new World();
    const some = ids.slice(0, 12_000);
    world.submit(createSegment("ALL", null));
    for (const [vnode, users] of Map.groupBy(some, (id) => vnodeOfAccount(PARTNER, userSubject(id))))
      world.submit(addUsers("ALL", users, null, vnode));
    world.submit(createSegment("THIRD", await world.draw("THIRD", 33)));
    const members = () => world.segment("THIRD").reduce((sum, part) => sum + (part?.members ?? 0), 0);
    world.nowMs += 1;
    world.endDue();
    const soon = members();
    expect(soon).toBeGreaterThan(0);
    expect(soon).toBeLessThanOrEqual(2 * 1_000);
    expect(world.restored()).toEqual(world.items());
    world.finishJobs();
    expect(members()).toBe(3_960);
    world.submit(raisePercent("THIRD", 1, await world.draw("THIRD", 34)));
    world.submit(deleteSegment("ALL"));
    world.nowMs += 1;
    world.endDue();
    expect(world.restored()).toEqual(world.items());
    world.finishJobs();
    expect(members()).toBe(4_080);
    expect(
      world
        .items()
        .flat()
        .filter((item) => JSON.stringify(item).includes("ALL")),
    ).toEqual([]);
    expect(world.replayed()).toEqual(world.items());
  });
});
