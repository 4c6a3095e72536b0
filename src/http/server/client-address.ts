/** The client address of a request, for limits. */
import { type BlockList, isIP } from "node:net";
import { blockListOf, type TrustedProxies } from "../../trusted-proxies.ts";
import type { HttpRequest } from "../request.ts";

/** Prefix length that identifies an IPv6 subscriber. */
const NETWORK_BITS = 64;
const GROUP_BITS = 16;
const GROUPS = 8;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Returns a function from a request to its client address; for IPv6 the /64 network. `::ffff:a.b.c.d` is IPv4. */
export function createClientAddress(trusted: TrustedProxies): (request: HttpRequest) => string {
  const mayForward = typeof trusted === "number" ? hopsFrom(trusted) : addressesIn(blockListOf(trusted));
  return (request) => {
    const peer = plain(request.incoming.socket.remoteAddress ?? "");
    const forwarded = request.header("x-forwarded-for");
    return networkOf(
      forwarded === undefined ? peer : forwardedFor(peer, forwarded.split(",").toReversed(), mayForward),
    );
  };
}

/** Whether the peer with this address, at this hop count, is trusted to name the client it forwards for. */
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

/**
 * Walks back along `X-Forwarded-For`. It stops at the first untrusted address, or before an entry that is not an
 * address.
 * @param before the forwarded addresses, nearest first.
 */
function forwardedFor(peer: string, before: readonly string[], mayForward: MayForward): string {
  let address = peer;
  for (const [hop, entry] of before.entries()) {
    if (!mayForward(address, hop)) return address;
    const next = plain(withoutPort(entry.trim()));
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

/** The unit of limits: an IPv4 address, or the /64 network of an IPv6 address. */
export function networkOf(remoteAddress: string): string {
  const address = plain(remoteAddress);
  if (isIP(address) !== 6) return address;
  // The URL parser normalizes the address: zeros compressed once, an IPv4 tail in hex.
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
