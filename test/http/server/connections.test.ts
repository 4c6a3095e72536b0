/** How connections are counted, and their default limits. */
import { expect, test } from "vitest";
import { networkOf } from "../../../src/http/server/client-address.ts";
import { connectionBounds } from "../../../src/workers/server/file-limit.ts";

test.each([
  ["10.1.2.3", "10.1.2.3"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::1", "0:0:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["", ""],
])("%s counts as %s", (address, key) => {
  expect(networkOf(address)).toBe(key);
});

const UNSET = { connectionsMax: undefined, connectionsPerAddress: undefined };

test("connections may use half of the file limit, and one address half of that", () => {
  expect(connectionBounds({ ...UNSET, gateways: 1 }, 400)).toEqual({ max: 200, perAddress: 100 });
  expect(connectionBounds({ ...UNSET, gateways: 4 }, 1024)).toEqual({ max: 128, perAddress: 64 });
  expect(connectionBounds({ ...UNSET, gateways: 1 }, Number.POSITIVE_INFINITY)).toEqual({
    max: 10_000,
    perAddress: 5_000,
  });
});

test("a setting takes precedence, within the file limit", () => {
  const behindProxy = { connectionsMax: 100, connectionsPerAddress: 100, gateways: 1 };
  expect(connectionBounds(behindProxy, 400)).toEqual({ max: 100, perAddress: 100 });
  expect(() => connectionBounds({ ...behindProxy, connectionsMax: 201 }, 400)).toThrow(
    "at most 200, half of",
  );
});
