import { expect, test } from "vitest";
import { type HashSeed, SeededHash } from "../../../src/actors/idempotency/scope-hash.ts";

/** Key and tags of the reference implementation, for the messages 00, 00 01, 00 01 02, … by length in bytes. */
const REFERENCE_KEY: HashSeed = [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39];
const REFERENCE_TAGS = [
  [0, "792e8fe5 75ce87aa 2d1450b5 1191970b"],
  [1, "13a9307b 50e62c89 4577bd88 c0bbdc18"],
  [15, "51b94da4 efcc4de8 192412ea bbc170dd"],
  [16, "79271ca9 d66a1c71 81ca474e 49831cad"],
  [17, "048da968 4e25d096 2d6cf897 bc3959ca"],
  [63, "9047fad7 88136d8c a488286b 7fe9352c"],
] as const;

function hashOf(text: string, hash = new SeededHash(REFERENCE_KEY)): string {
  hash.run(text);
  return [hash.a, hash.b, hash.c, hash.d].map((word) => word.toString(16).padStart(8, "0")).join(" ");
}

test("ASCII text gives the tags of the Chaskey reference implementation", () => {
  for (const [length, tag] of REFERENCE_TAGS) {
    const text = String.fromCharCode(...Array.from({ length }, (_, i) => i));
    expect(hashOf(text)).toBe(tag);
  }
});

test("a hash does not depend on what was hashed before", () => {
  const hash = new SeededHash(REFERENCE_KEY);
  const texts = ["x".repeat(5_000), "", "short", "é".repeat(3_000), "short, but longer"];
  for (const text of texts) expect(hashOf(text, hash)).toBe(hashOf(text));
});

test("different texts that are equal in some encoding have different hashes", () => {
  const alike = [
    "",
    "\0",
    "\u0001",
    "\0\u0001",
    "\u0100",
    "\u0100\u0001",
    "\ud800",
    "\udc00",
    "\ufffd",
    "é",
    "e\u0301",
    "\u00c3\u00a9",
    "abcdefgh",
    "abcdefgh\u0001",
    "abcdefgh\u0100",
    "abcdefgéabcdefgé",
    "abcdefgéabcdefgé\u0001",
  ];
  expect(new Set(alike.map((text) => hashOf(text))).size).toBe(alike.length);
});

test("each bit of the seed changes the hash", () => {
  const hashes = new Set([hashOf("acme\0alice\0order-1")]);
  for (let bit = 0; bit < 128; bit++) {
    const [a, b, c, d] = REFERENCE_KEY.map((word, i) =>
      bit >> 5 === i ? (word ^ (1 << (bit & 31))) >>> 0 : word,
    ) as [number, number, number, number];
    hashes.add(hashOf("acme\0alice\0order-1", new SeededHash([a, b, c, d])));
  }
  expect(hashes.size).toBe(129);
});
