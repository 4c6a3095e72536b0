/** Members in the order of their names. */
import { expect, test } from "vitest";
import { askNamed } from "../../../../src/actors/programmes/loyalty/acts.ts";
import { LoyaltyFixture } from "./loyalty-fixture.ts";

class NamesFixture extends LoyaltyFixture {
  found(prefix: string, limit = 99, after: string | null = null): readonly string[] {
    return this.ask(askNamed(prefix, limit, after)).map(({ member }) => member.id);
  }
}

function fixtureOf(names: Readonly<Record<string, string | null>>): NamesFixture {
  const fixture = new NamesFixture();
  for (const [id, name] of Object.entries(names)) fixture.member(id, name);
  return fixture;
}

test("a prefix finds names in any letter case, in the order of names and then of ids", () => {
  const fixture = fixtureOf({ z: "Ann", b: "ANNA", a: "ann", c: "Bob", d: null, e: "Joann" });
  expect(fixture.found("ann")).toEqual(["a", "z", "b"]);
  expect(fixture.found("ANN")).toEqual(["a", "z", "b"]);
  expect(fixture.found("anna")).toEqual(["b"]);
  expect(fixture.found("")).toEqual(["a", "z", "b", "c", "e"]);
  expect(fixture.found("x")).toEqual([]);
});

test("letters are the same however they are composed", () => {
  const fixture = fixtureOf({ a: "Zoe\u0308", b: "ZO\u00cb" });
  for (const prefix of ["zo\u00eb", "ZOE\u0308"]) expect(fixture.found(prefix)).toEqual(["a", "b"]);
});

test("a page continues after the last member of the one before, with all that a member has", () => {
  const fixture = fixtureOf({ a: "Ann", b: "Ann", c: "Anna" });
  fixture.accrue("b", 5);
  const [first, second] = fixture.ask(askNamed("a", 2, null));
  expect([first?.member.id, second?.member]).toEqual(["a", fixture.view("b")]);
  expect(second?.member).toMatchObject({ name: "Ann", balance: 5 });
  expect(fixture.found("a", 2, second?.place)).toEqual(["c"]);
  expect(fixture.found("a", 1, first?.place)).toEqual(["b"]);
});

test("a member is found by its present name only, and not at all once it is deleted", () => {
  const fixture = fixtureOf({ a: "Ann", b: "Ann" });
  expect(fixture.act("update_member", "a", { name: "Bob" })).toMatchObject({
    member: { id: "a", name: "Bob" },
  });
  expect([fixture.found("ann"), fixture.found("bob")]).toEqual([["b"], ["a"]]);
  fixture.restart();
  expect([fixture.found("ann"), fixture.found("bob")]).toEqual([["b"], ["a"]]);
  fixture.act("update_member", "a", { name: null });
  fixture.act("delete_member", "b", {});
  expect(fixture.found("")).toEqual([]);
  fixture.act("update_member", "a", { name: "Cid" });
  expect(fixture.found("")).toEqual(["a"]);
});

test("a partner without members finds none", () => {
  expect(new NamesFixture().found("a")).toEqual([]);
});
