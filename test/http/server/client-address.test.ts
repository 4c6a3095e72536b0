import { describe, expect, test } from "vitest";
import type { HttpRequest } from "../../../src/http/request.ts";
import { createClientAddress } from "../../../src/http/server/client-address.ts";
import { parseTrustedProxies } from "../../../src/trusted-proxies.ts";

/** The client address of a request from this socket with this header. */
function addressOf(trusted: string, remoteAddress: string, forwarded?: string): string {
  const read = createClientAddress(parseTrustedProxies(trusted));
  const incoming = { socket: { remoteAddress } };
  return read({ incoming, header: () => forwarded } as unknown as HttpRequest);
}

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::FFFF:c000:207", "192.0.2.7"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:0:0:ffff:1:2:3", "2001:db8:0:0::/64"],
  ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("%s counts as %s", (address, counted) => {
  expect(addressOf("", address)).toBe(counted);
  expect(addressOf("1", "127.0.0.1", address)).toBe(counted);
});

describe("X-Forwarded-For is trusted only from configured proxies", () => {
  test.each([
    ["no proxy by default", "", "203.0.113.1", "192.0.2.7", "203.0.113.1"],
    [
      "one hop: entries to the left of it come from the client",
      "1",
      "10.0.0.1",
      "6.6.6.6, 192.0.2.7",
      "192.0.2.7",
    ],
    ["two hops", "2", "10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["more hops than entries", "5", "10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["a network", "10.0.0.0/8", "10.0.0.1", "6.6.6.6, 192.0.2.7, 10.1.2.3", "192.0.2.7"],
    ["an address of it in IPv6 form", "10.0.0.0/8, ::1", "::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"],
    ["a peer that is not in the list", "10.0.0.0/8", "203.0.113.1", "192.0.2.7", "203.0.113.1"],
    ["an entry that is not an address ends the chain", "3", "10.0.0.1", "192.0.2.7, unknown", "10.0.0.1"],
    ["an address with a port", "1", "10.0.0.1", "192.0.2.7:4711", "192.0.2.7"],
    ["an address with a port, of IPv6", "1", "10.0.0.1", "[2001:db8::1]:4711", "2001:db8:0:0::/64"],
    ["an empty header", "1", "10.0.0.1", "", "10.0.0.1"],
  ])("%s", (_, trusted, socket, forwarded, counted) => {
    expect(addressOf(trusted, socket, forwarded)).toBe(counted);
  });
});

test.each(["17", "proxy.example.com", "10.0.0.0/33", "10.0.0.0/8/8", "::1/129", "-1"])(
  "%s is refused",
  (text) => {
    expect(() => parseTrustedProxies(text)).toThrow(TypeError);
  },
);
