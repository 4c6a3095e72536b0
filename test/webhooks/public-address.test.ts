import { describe, expect, test } from "vitest";
import { isPublicAddress, publicLookup, urlFault } from "../../src/webhooks/public-address.ts";

describe("addresses that webhooks may be sent to", () => {
  test.each(["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])(
    "%s is public",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2001:db8::1",
    "2001::1",
    "2002:a00:1::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "ff02::1",
    "not an address",
  ])("%s is not", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([
    ["http://example.com/", "https"],
    ["ftp://example.com/", "https"],
    ["https://user:secret@example.com/", "user name"],
    ["https://user@example.com/", "user name"],
    ["https://example.com/#top", "fragment"],
    ["https://127.0.0.1/", "private"],
    ["https://2130706433/", "private"],
    ["https://0x7f.1/", "private"],
    ["https://[::1]/", "private"],
    ["https://[::ffff:169.254.169.254]/", "private"],
    ["https://169.254.169.254/latest/meta-data", "private"],
    ["https://localhost/", "private network"],
    ["https://metadata.google.internal/", "private network"],
    ["https://printer.local./", "private network"],
    ["example.com", "URL"],
    ["", "URL"],
  ])("%s is refused: %s", (url, reason) => {
    expect(urlFault(url, false)).toContain(reason);
  });

  test("a public https URL is accepted, and with the setting a private one too", () => {
    expect(urlFault("https://example.com/hooks?x=1", false)).toBeUndefined();
    expect(urlFault("http://127.0.0.1:9000/hook", true)).toBeUndefined();
    expect(urlFault("https://user@127.0.0.1/", true)).toContain("user name");
  });

  test("a name that resolves to a private address is refused when it is looked up", async () => {
    const found = await new Promise((resolve) => {
      publicLookup(async () => ["127.0.0.1"])("rebound.example", {}, (error) => resolve(error?.message));
    });
    expect(found).toBe("rebound.example is not a public address");
  });
});
