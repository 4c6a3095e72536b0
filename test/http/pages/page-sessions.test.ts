import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Principal } from "../../../src/gateway/ports.ts";
import { hashOfKey } from "../../../src/http/auth.ts";
import {
  IDLE_MS_MAX,
  newSessionMemory,
  PageSessions,
  SESSION_MS_MAX,
  SESSIONS_MAX,
} from "../../../src/http/pages/base/page-sessions.ts";

const OPERATOR: Principal = { role: "operator" };
const KEY = hashOfKey("a key");

function partnerKey(partner: string): Principal {
  return { role: "partner", partner, keyId: "key_1", name: "", scope: undefined, suspended: false };
}

/** Two gateways that share the sessions, and their clock. */
function twoGateways() {
  const memory = newSessionMemory();
  const clock = { nowMs: 1 };
  const make = () =>
    new PageSessions(
      memory,
      (bytes) => randomBytes(bytes),
      () => clock.nowMs,
    );
  return { clock, memory, first: make(), second: make() };
}

describe("a session of the pages", () => {
  test("that begins at one gateway is valid at another, with the key it began with", () => {
    const { first, second } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    expect(second.find(token)).toBe(KEY);
  });

  test("that is ended at one gateway is ended at another", () => {
    const { first, second } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    second.end(token);
    expect(first.find(token)).toBeUndefined();
  });

  test("ends after its lifetime, however often it is used", () => {
    const { first, clock } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    const endsMs = clock.nowMs + SESSION_MS_MAX;
    for (; clock.nowMs < endsMs - IDLE_MS_MAX / 2; clock.nowMs += IDLE_MS_MAX / 2)
      expect(first.find(token)).toBe(KEY);
    clock.nowMs = endsMs;
    expect(first.find(token)).toBeUndefined();
  });

  test("ends when it is not used for an hour", () => {
    const { first, clock } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    clock.nowMs += IDLE_MS_MAX - 1;
    expect(first.find(token)).toBe(KEY);
    clock.nowMs += IDLE_MS_MAX;
    expect(first.find(token)).toBeUndefined();
  });

  test.each(["", "ps_", `ps_00${"A".repeat(43)}`, `ps_zz${"A".repeat(43)}`, "ps_00"])(
    "is not found by the token %j",
    (token) => {
      const { first } = twoGateways();
      first.begin(KEY, OPERATOR);
      expect(first.find(token)).toBeUndefined();
    },
  );

  test("is not kept in clear: the memory holds neither its token nor its key", () => {
    const { first, memory } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    const bytes = Buffer.from(new Uint8Array(memory));
    expect(bytes.includes(Buffer.from(token.slice(5), "base64url"))).toBe(false);
    expect(bytes.includes(token)).toBe(false);
  });
});

describe("the number of sessions", () => {
  test("of one user is bounded: the oldest ends first", () => {
    const { first, clock } = twoGateways();
    const tokens = Array.from({ length: SESSIONS_MAX + 3 }, () => {
      clock.nowMs += 1;
      return first.begin(KEY, OPERATOR);
    });
    const live = tokens.map((token) => first.find(token) !== undefined);
    expect(live).toEqual(tokens.map((_, i) => i >= 3));
  });

  test("of partners never displaces the operator's", () => {
    const { first, clock } = twoGateways();
    const token = first.begin(KEY, OPERATOR);
    for (let i = 0; i < 3_000; i++) {
      clock.nowMs += 1;
      first.begin(hashOfKey(`key ${i}`), partnerKey(`partner${i}`));
    }
    expect(first.find(token)).toBe(KEY);
  });

  test("leaves room for a login at every gateway at once", () => {
    const { first, second } = twoGateways();
    const tokens = Array.from({ length: SESSIONS_MAX / 2 }, () => [
      first.begin(KEY, OPERATOR),
      second.begin(KEY, OPERATOR),
    ]).flat();
    expect(tokens.map((token) => first.find(token))).toEqual(tokens.map(() => KEY));
  });
});
