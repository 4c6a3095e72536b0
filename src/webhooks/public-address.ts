/**
 * Which addresses webhooks may be sent to. A partner chooses the URL, so without this check it could make the server
 * send requests into its own network. The address that is checked is the one that is connected to: DNS cannot answer
 * something else in between.
 */
import { Resolver } from "node:dns/promises";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";

/** Networks that are not globally reachable, by the IANA registries of special-purpose addresses (RFC 6890). */
const IPV4_NETWORKS: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

const blocked = new BlockList();
for (const [address, bits] of IPV4_NETWORKS) blocked.addSubnet(address, bits, "ipv4");

/** Global unicast addresses are all in this network; these parts of it are not reachable, or lead to IPv4 addresses. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");
const IPV6_NETWORKS: readonly (readonly [address: string, bits: number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
];
for (const [address, bits] of IPV6_NETWORKS) blocked.addSubnet(address, bits, "ipv6");

/** Whether an IP address is globally reachable. An IPv4-mapped IPv6 address never is: no server needs it. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !blocked.check(address, "ipv4");
  return globalUnicast.check(address, "ipv6") && !blocked.check(address, "ipv6");
}

export class AddressRefused extends Error {
  readonly code = "address_refused";

  constructor(host: string) {
    super(`${host} is not a public address`);
    this.name = "AddressRefused";
  }
}

/** For one server and try. All of them together end before a request does. */
const RESOLVE_MS_MAX = 2_000;
const RESOLVE_TRIES = 2;

/** @throws Error (as a rejection) the name has no address */
type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * A `lookup` for sockets that finds public addresses only, and fails if one of a host's addresses is none. The socket
 * connects to what it has found.
 *
 * @param resolve resolves the name; DNS does unless a test passes its own.
 */
export function publicLookup(resolve: Resolve = resolveByDns): LookupFunction {
  const find = callbackify(async (host: string) => {
    const addresses = await resolve(host);
    const [first] = addresses;
    if (first === undefined || !addresses.every(isPublicAddress)) throw new AddressRefused(host);
    return { first, all: addresses.map((address) => ({ address, family: isIP(address) })) };
  });
  return (host, options, callback) => {
    find(host, (error, found) => {
      if (error !== null) callback(error, []);
      else if (options.all === true) callback(null, found.all);
      else callback(null, found.first, isIP(found.first));
    });
  };
}

/**
 * Not `dns.lookup`, which occupies one of the four threads that the whole process has for files and passwords: names whose
 * servers do not answer would stop those.
 */
async function resolveByDns(host: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_MS_MAX, tries: RESOLVE_TRIES });
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = found.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  const [failure] = found.flatMap((each) => (each.status === "rejected" ? [each.reason as Error] : []));
  if (addresses.length === 0 && failure !== undefined) throw failure;
  return addresses;
}

/**
 * Why events may not be sent to this URL; `undefined` if they may. Names are checked when they are resolved.
 *
 * @param allowPrivate the setting WEBHOOKS_ALLOW_PRIVATE: also http, and addresses that are not public.
 */
export function urlFault(text: string, allowPrivate: boolean): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "must be a URL";
  const schemes = allowPrivate ? ["https:", "http:"] : ["https:"];
  if (!schemes.includes(url.protocol)) return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must not contain a user name or password";
  if (url.hash !== "") return "must not contain a fragment";
  if (allowPrivate) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host)) return "must not be a private or reserved address";
  if (/(^|\.)(localhost|local|internal)\.?$/i.test(host)) return "must not be a name of a private network";
  return undefined;
}
