/** Whom a request comes from, as limits count them. */
import { type BlockList, isIP } from "node:net";
import { blockListOf, type TrustedProxies } from "../../trusted-proxies.ts";
import type { HttpRequest } from "../request.ts";

/** Of IPv6 a network has at least so many bits to itself. */
const NETWORK_BITS = 64;
const GROUP_BITS = 16;
const GROUPS = 8;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Says of a request which address it comes from: of IPv6 the network of 64 bits; `::ffff:a.b.c.d` is IPv4. */
export function createClientAddress(trusted: TrustedProxies): (request: HttpRequest) => string {
  const mayForward = typeof trusted === "number" ? hopsFrom(trusted) : addressesIn(blockListOf(trusted));
  return (request) => {
    const own = plain(request.incoming.socket.remoteAddress ?? "");
    const forwarded = request.header("x-forwarded-for");
    return networkOf(
      forwarded === undefined ? own : forwardedFor(own, forwarded.split(",").toReversed(), mayForward),
    );
  };
}

/** Whether who has this address, so many hops away, is believed about whom it speaks for. */
type MayForward = (address: string, hop: number) => boolean;

function hopsFrom(hops: number): MayForward {
  return (_, hop) => hop < hops;
}

function addressesIn(list: BlockList): MayForward {
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}

/** @param before whom each has spoken for, the nearest first. What is no address ends the chain. */
function forwardedFor(own: string, before: readonly string[], mayForward: MayForward): string {
  let address = own;
  for (const [hop, said] of before.entries()) {
    if (!mayForward(address, hop)) return address;
    const next = plain(withoutPort(said.trim()));
    if (isIP(next) === 0) return address;
    address = next;
  }
  return address;
}

function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
}

function plain(address: string): string {
  const [withoutZone = ""] = address.split("%");
  return MAPPED.exec(withoutZone)?.[1] ?? withoutZone;
}

/** What is counted together: an IPv4 address, or the network of an IPv6 one, which one subscriber has. */
export function networkOf(remoteAddress: string): string {
  const address = plain(remoteAddress);
  if (isIP(address) !== 6) return address;
  // A URL writes an address in one way alone: with zeros left out once, and an IPv4 end in hex.
  const hostname = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(hostname);
  if (mapped !== null) return mapped.slice(1).flatMap(bytesOf).join(".");
  const [head = "", tail] = hostname.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: GROUPS - front.length - back.length }, () => "0");
  return `${[...front, ...zeros, ...back].slice(0, NETWORK_BITS / GROUP_BITS).join(":")}::/${NETWORK_BITS}`;
}

function bytesOf(group: string): readonly number[] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 255];
}
