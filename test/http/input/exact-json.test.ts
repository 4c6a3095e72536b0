import { describe, expect, test } from "vitest";
import { elementsOf, JsonScan, surveyOf } from "../../../src/http/input/exact-json.ts";
import { parseExactly } from "../../../src/http/server/body.ts";

const parse = (text: string, decimals?: Readonly<Record<string, number>>) =>
  parseExactly(Buffer.from(text), decimals);

/** `a` may have two decimals, `b` none. */
const parsed = (value: string) => parse(`{"a":${value},"b":${value}}`, { a: 2 });

describe("a JSON text is read exactly", () => {
  test.each([
    '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}',
    '{"a":"1.5","b":"x\\":1.5,\\"b\\":2","c":"\\\\"}',
    '{"é":true,"ë":false,"e1":null,"":[]}',
    "[]",
    "-12",
    '"}{][:,"',
    ' { "a" : [ 1 , 2 ] } ',
    '{"a": [1, 2], "b": {"c": null, "d": false}, "e": true}',
    '{"b":"x","10":"y","9":{"2":"z","1":"w"}}',
    '{"__proto__":"x","a":"y"}',
    "1234567890123456",
    "-1",
    "{}",
  ])("%s", (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each(["1.5", "10.0", "1e3", "-0.0", "1E-2", "4503599627370497.5", "1e999"])(
    "%s becomes NaN",
    (text) => {
      expect(parse(text)).toBeNaN();
      expect(parse(`{"a":[${text},7]}`)).toEqual({ a: [Number.NaN, 7] });
    },
  );

  test("a fraction may have up to the allowed number of digits", () => {
    expect(["1.5", "1.25", "1.250", "3", "1e1"].map(parsed)).toEqual([
      { a: 1.5, b: Number.NaN },
      { a: 1.25, b: Number.NaN },
      { a: Number.NaN, b: Number.NaN },
      { a: 3, b: 3 },
      { a: Number.NaN, b: Number.NaN },
    ]);
  });

  test.each([
    '{"a":"x","b":"y","a":"z"}',
    '{"a":{},"a":{}}',
    '{"10":"x","9":"y","10":"z"}',
    '{"a":1,"a":1}',
    '{"a":{"b":1,"\\u0062":1}}',
    '[{},{"__proto__":1,"__proto__":2}]',
  ])("%s is refused: it has two members with the same name", (text) => {
    expect(() => parse(text)).toThrow(/two members with the same name/);
  });

  test("nesting deeper than any schema is refused", () => {
    for (const depth of [17, 100_000])
      expect(() => parse("[".repeat(depth) + "]".repeat(depth))).toThrow(/nested too deeply/);
  });
});

test.each(['{"a":"x\\\\\\"{,","b":[1.5,{"c":[]}],"d":""}', '[["\\\\"],"', '{"a":1e5} '])(
  "a scan of %s in steps of any size counts the same",
  (text) => {
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size++) {
      const scan = new JsonScan(bytes);
      while (!scan.advance(size));
      expect(scan.survey).toEqual(surveyOf(bytes));
    }
  },
);

test.each([
  ['{"transfers":[]}', []],
  ['{"transfers": [ ] }', []],
  ['{"transfers":[1,{"a":[2,3]},"],[" ,[{}]]}', ["1", '{"a":[2,3]}', '"],["', "[{}]"]],
])("the elements of %s", (text, elements) => {
  expect(elementsOf(text).map((each) => each.trim())).toEqual(elements);
});
